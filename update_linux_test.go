package ioc_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// TestUpdateAndPrune: what is newer becomes a release of its own, the jail stays on its own and holds it, and
// downloads go without taking anything with them.
func TestUpdateAndPrune(t *testing.T) {
	h := realHost(t)
	must(t, h.Fetch(ioc.FetchOptions{}))
	pack := func(say string) []byte {
		path := filepath.Join(t.TempDir(), "root.tar")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		c := command("/bin/sh", "-c", "echo "+say+" >/tmp/version; exec tar -c -f - -C / bin tmp")
		c.Stdio.Out = out
		if exit := must(t, h.JailGenerator("pack").Run(ioc.RunOptions{Create: ioc.CreateOptions{}, Exec: c, Temporary: true})); exit.Code != 0 {
			t.Fatal(exit)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	current := pack("one")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(current)))
		_, _ = w.Write(current) // the client says what is wrong
	}))
	defer s.Close()
	first := must(t, h.Fetch(ioc.FetchOptions{Name: "sys", From: s.URL + "/root.tar"}))
	must(t, h.JailGenerator("web").Create(ioc.CreateOptions{Release: "sys"}))

	skips(t, h, h.UpdateRelease("sys", ""))
	current = pack("two")
	second := must(t, h.UpdateRelease("sys", ""))
	if second.Name != "sys-p1" || second.Digest == first.Digest {
		t.Errorf("update: %+v after %+v", second, first)
	}
	for _, name := range []string{"sys", "sys-p1"} {
		skips(t, h, h.UpdateRelease(name, ""))
	}
	if i, err := h.Jail("web").Info(t.Context()); err != nil || i.Origin.Dataset != storage.Release("sys") {
		t.Errorf("the jail is from %v, %v", i.Origin, err)
	}
	_, err := h.DestroyRelease("sys").Do(t.Context())
	if used, ok := errors.AsType[*storage.UsersError](err); !ok || len(used.By) != 1 || !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "web") {
		t.Errorf("a release that is used: %v, want it busy, and the jail named", err)
	}
	// Who asks for the release gets its newest level, who asks again is not given another one, and a level can be named.
	for _, made := range []struct{ jail, asked, is storage.Name }{
		{"web", "sys", "sys"}, {"new", "sys", "sys-p1"}, {"named", "sys-p1", "sys-p1"}, {"old", "sys-p0", "sys"}, {"old", "sys", "sys"},
	} {
		i := must(t, h.JailGenerator(string(made.jail)).Create(ioc.CreateOptions{Release: made.asked}))
		if i.Release != made.is {
			t.Errorf("%s from %s is from %s, want %s", made.jail, made.asked, i.Release, made.is)
		}
	}
	if _, err := h.JailGenerator("web").Create(ioc.CreateOptions{Release: "sys-p1"}).Do(t.Context()); !errors.Is(err, fault.Exists) {
		t.Errorf("another level was asked for: %v", err)
	}
	if _, err := h.JailGenerator("none").Create(ioc.CreateOptions{Release: "sys-p7"}).Do(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Errorf("a level that is not there: %v", err)
	}
	must(t, h.JailsGenerator("new", "named", "old").Destroy(ioc.DestroyOptions{}))
	must(t, h.DestroyRelease("sys-p1"))
	skips(t, h, h.UpdateRelease("embedded", ""))
	if _, err := h.UpdateRelease("none", "").Do(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Errorf("no such release: %v", err)
	}

	prune := ioc.PruneOptions{Age: time.Nanosecond, DryRun: true}
	would := must(t, h.Prune(prune))
	prune.DryRun = false
	if did := must(t, h.Prune(prune)); did != would || did.Bytes < int64(len(current)) {
		t.Errorf("freed %d, foretold %d; a download has %d", did.Bytes, would.Bytes, len(current))
	}
	skips(t, h, h.Prune(prune))
	must(t, h.JailGenerator("web").Run(ioc.RunOptions{Exec: command("/bin/sh", "-c", "test $(cat /tmp/version) = one")}))
}

// skips wants an operation to find nothing to do, and the same releases after it.
func skips[T any](t *testing.T, h *ioc.Host, op events.Op[T]) {
	t.Helper()
	before, err := h.Releases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var last events.Event
	if _, err := op.Do(t.Context(), events.WithSink(func(ev *events.Event) { last = *ev })); err != nil || !last.Skipped() {
		t.Errorf("%s ended as %v, %v; want it skipped", last.Title(), last.Status, err)
	}
	after, err := h.Releases(t.Context())
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("%s: %v, other releases (-before +after):\n%s", last.Title(), err, diff)
	}
}
