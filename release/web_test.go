package release_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// TestImportFromTheWeb: a release that is there is not asked for again; one that cannot be got leaves
// nothing.
func TestImportFromTheWeb(t *testing.T) {
	content, asked, status := system(t), 0, http.StatusNotFound
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = w.Write(content) // nobody waits for it
		}
	}))
	defer s.Close()
	d, c := mem.New(time.Now), &download.Cache{Dir: t.TempDir(), Attempts: 1, Pause: time.Nanosecond}
	o := release.ImportOptions{Name: "base", Source: release.Web(c, s.URL+"/base.tar", "")}

	if _, err := release.Import(d, o).Do(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Fatalf("Import of what is not there: %v, want fault.NotFound", err)
	}
	if all, err := d.List(t.Context(), storage.Releases); err != nil || len(all) > 0 {
		t.Fatalf("left %v, %v", all, err)
	}
	status = http.StatusOK
	i, err := release.Import(d, o).Do(t.Context())
	if err != nil || i.Title != "Example Linux 1" || i.Source != s.URL+"/base.tar" {
		t.Fatalf("Import: %+v, %v", i, err)
	}
	before := asked
	if _, err := release.Import(d, o).Do(t.Context()); err != nil || asked != before {
		t.Fatalf("Import of what is there: %v after %d requests, want none", err, asked-before)
	}
	o.Source = release.Web(c, s.URL+"/another.tar", "")
	if _, err := release.Import(d, o).Do(t.Context()); !errors.Is(err, fault.Exists) {
		t.Fatalf("Import of something else: %v, want fault.Exists", err)
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		t.Fatal(err)
	}
}
