package download_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGet(t *testing.T) {
	content := random(300_000)
	for _, tc := range []struct {
		name, sum string
		asked     int // by the second
	}{
		{name: "with-digest", sum: digest(content), asked: 0},
		{name: "with-prefixed-digest", sum: "sha256:" + digest(content), asked: 0},
		{name: "without-digest", asked: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := serve(t, content), cache(t)
			defer s.Client().CloseIdleConnections()
			r := download.Request{URL: s.URL + "/base.txz", SHA256: tc.sum, Client: s.Client()}
			if mustGet(t, c, r, content) {
				t.Error("the first Get was skipped")
			}
			if !mustGet(t, c, r, content) {
				t.Error("the second Get was not skipped")
			}
			if n := len(s.requests()) - 1; n != tc.asked {
				t.Errorf("the second Get asked the server %d times, want %d", n, tc.asked)
			}
		})
	}
}

func TestGetSeesANewVersion(t *testing.T) {
	s, c := serve(t, random(1000)), cache(t)
	defer s.Client().CloseIdleConnections()
	r := download.Request{URL: s.URL, Client: s.Client()}
	mustGet(t, c, r, s.content)
	s.content, s.tag = []byte("another"), `"two"`
	if mustGet(t, c, r, []byte("another")) {
		t.Error("a new version was skipped")
	}
	// One that is broken off must not leave the old file under the new one's notes.
	s.content, s.tag = random(2000), `"three"`
	s.fail(cut(500), answer(http.StatusForbidden))
	if _, _, err := get(t.Context(), t, c, r); !errors.Is(err, fault.Denied) {
		t.Fatalf("Get from a server that is cut off and then forbids: %v, want denied", err)
	}
	removeParts(t, c)
	mustGet(t, c, r, s.content)
}

func removeParts(t *testing.T, c *download.Cache) {
	t.Helper()
	for _, name := range files(t, c) {
		if strings.HasSuffix(name, ".part") {
			if err := os.Remove(filepath.Join(c.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGetGoesOn cuts connections; what has come is not asked for again.
func TestGetGoesOn(t *testing.T) {
	content := random(500_000)
	for _, tc := range []struct{ name, sum string }{{"with-digest", digest(content)}, {"without-digest", ""}} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := serve(t, content), cache(t)
			defer s.Client().CloseIdleConnections()
			// More often than there are attempts: each brings something.
			s.fail(cut(100_000), cut(70_000), cut(70_000), cut(70_000), cut(70_000))
			mustGet(t, c, download.Request{URL: s.URL, SHA256: tc.sum, Client: s.Client()}, content)
			var ranges []string
			for _, r := range s.requests() {
				ranges = append(ranges, r.Header.Get("Range"))
			}
			want := []string{"", "bytes=100000-", "bytes=170000-", "bytes=240000-", "bytes=310000-", "bytes=380000-"}
			if !slices.Equal(ranges, want) {
				t.Errorf("asked for %q, want %q", ranges, want)
			}
		})
	}
}

// TestGetAfterAnInterrupt cancels in the middle and goes on in another cache on the same directory.
func TestGetAfterAnInterrupt(t *testing.T) {
	content := random(500_000)
	for _, tc := range []struct{ name, sum string }{{"with-digest", digest(content)}, {"without-digest", ""}} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := serve(t, content), cache(t)
			defer s.Client().CloseIdleConnections()
			r := download.Request{URL: s.URL, SHA256: tc.sum, Client: s.Client()}
			s.fail(hang(200_000))
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("enough")
			op := events.New(&whole{}, func(s events.Step) (string, error) { return c.Get(s, r) })
			_, err := op.Do(ctx, events.WithSink(func(ev *events.Event) {
				if amount, ok := ev.Detail.(events.Amount); ok && amount.Done >= 150_000 {
					cancel(stop)
				}
			}))
			if !errors.Is(err, stop) {
				t.Fatalf("Get, cancelled: %v", err)
			}
			again := *c
			mustGet(t, &again, r, content)
			if got := s.requests()[1].Header.Get("Range"); got == "" {
				t.Error("the second Get began anew")
			}
		})
	}
}

func TestGetRefuses(t *testing.T) {
	content := random(1000)
	for _, tc := range []struct {
		name string
		plan func(http.ResponseWriter, *http.Request, http.Handler)
		r    download.Request
		kind fault.Kind
		says string
		left bool // files of it stay
	}{
		{name: "not-found", plan: answer(404), kind: fault.NotFound, says: "404 Not Found"},
		{name: "gone", plan: answer(410), kind: fault.NotFound, says: "410"},
		{name: "forbidden", plan: answer(403), kind: fault.Denied, says: "403"},
		{name: "proxy-wants-a-password", plan: answer(407), kind: fault.Denied, says: "407"},
		{name: "teapot", plan: answer(418), kind: fault.Unavailable, says: "418"},
		{name: "page", plan: page, kind: fault.Unavailable, says: "web page"},
		{name: "wrong-digest", r: download.Request{SHA256: digest([]byte("other"))}, kind: fault.Corrupt, says: "its digest is", left: true},
		{name: "no-digest", r: download.Request{SHA256: "abc"}, kind: fault.Invalid, says: "no SHA-256"},
		{name: "too-large", r: download.Request{Max: 999}, kind: fault.Unavailable, says: "more than 999"},
		{name: "another-size", r: download.Request{Size: 7}, kind: fault.Unavailable, says: "not of 7"},
		{name: "scheme", r: download.Request{URL: "ftp://example.org/x"}, kind: fault.Invalid, says: "only http"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := serve(t, content), cache(t)
			defer s.Client().CloseIdleConnections()
			if tc.plan != nil {
				s.fail(tc.plan)
			}
			if tc.r.URL == "" {
				tc.r.URL = s.URL
			}
			tc.r.Client = s.Client()
			_, _, err := get(t.Context(), t, c, tc.r)
			if fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("Get: %v (%v), want %v and %q", err, fault.KindOf(err), tc.kind, tc.says)
			}
			if n := len(s.requests()); n > 1 {
				t.Errorf("asked %d times", n)
			}
			if all := files(t, c); !tc.left && len(all) > 0 {
				t.Errorf("left %q", all)
			}
			// Whatever it was, the next one succeeds without any hand work.
			mustGet(t, c, download.Request{URL: s.URL, SHA256: digest(content), Client: s.Client()}, content)
		})
	}
}

// TestGetHidesPasswords: an address can carry one, and events and errors are kept.
func TestGetHidesPasswords(t *testing.T) {
	s, c := serve(t, random(10)), cache(t)
	defer s.Client().CloseIdleConnections()
	s.fail(answer(404))
	at := strings.Replace(s.URL, "://", "://me:secret@", 1)
	var seen []string
	op := events.New(&whole{}, func(st events.Step) (string, error) {
		return c.Get(st, download.Request{URL: at, Client: s.Client()})
	})
	_, err := op.Do(t.Context(), events.WithSink(func(ev *events.Event) { seen = append(seen, string(ev.AppendJSON(nil))) }))
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(strings.Join(seen, "\n"), "secret") {
		t.Errorf("Get: %v\n%s", err, strings.Join(seen, "\n"))
	}
}

func TestGetTriesAgain(t *testing.T) {
	content := random(1000)
	s, c := serve(t, content), cache(t)
	defer s.Client().CloseIdleConnections()
	r := download.Request{URL: s.URL, Client: s.Client()}
	s.fail(answer(503), answer(429))
	mustGet(t, c, r, content)

	down, c := serve(t, content), cache(t)
	defer down.Client().CloseIdleConnections()
	down.fail(answer(503), answer(503), answer(503), answer(503))
	_, _, err := get(t.Context(), t, c, download.Request{URL: down.URL, Client: down.Client()})
	if fault.KindOf(err) != fault.Unavailable || len(down.requests()) != 3 {
		t.Errorf("Get from a server that is down: %v after %d attempts, want unavailable after 3", err, len(down.requests()))
	}
	if r := fault.Remedies(err); len(r) != 1 {
		t.Errorf("remedies %q, want one", r)
	}
}

func TestGetGivesUpOnSilence(t *testing.T) {
	content := random(200_000)
	s, c := serve(t, content), cache(t)
	defer s.Client().CloseIdleConnections()
	c.Stall, c.Pace = time.Millisecond, 1<<20
	r := download.Request{URL: s.URL, SHA256: digest(content), Client: s.Client()}
	s.fail(hang(1), hang(1), hang(1), hang(1), hang(1), hang(1), hang(1), hang(1), hang(1))
	_, _, err := get(t.Context(), t, c, r)
	if fault.KindOf(err) != fault.Timeout {
		t.Fatalf("Get from a server that says nothing: %v, want timeout", err)
	}
	c.Stall, s.plan = time.Minute, nil
	mustGet(t, c, r, content)
}

// TestGetFromAServerThatForgets: what has come is of no use, and is not used.
func TestGetFromAServerThatForgets(t *testing.T) {
	content := random(100_000)
	whole := func(w http.ResponseWriter, r *http.Request, file http.Handler) { // it knows no ranges
		r.Header.Del("Range")
		file.ServeHTTP(w, r)
	}
	other := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { // a part of something else
		w.Header().Set("Content-Range", "bytes 7-9/10")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("abc")) // nobody waits for it
	}
	for _, tc := range []struct {
		name  string
		sum   string
		plan  []func(http.ResponseWriter, *http.Request, http.Handler)
		after func(s *server)
		kind  fault.Kind
	}{
		{name: "whole", plan: []func(http.ResponseWriter, *http.Request, http.Handler){cut(500), whole}},
		{name: "changed", plan: []func(http.ResponseWriter, *http.Request, http.Handler){
			cut(500),
			func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				w.Header().Set("ETag", `"new"`)
				http.ServeContent(w, r, "x.bin", time.Time{}, bytes.NewReader(content))
			},
		}},
		{name: "another-part", plan: []func(http.ResponseWriter, *http.Request, http.Handler){cut(500), other}, kind: fault.Unavailable},
		{name: "stale-beginning", sum: digest(content)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := serve(t, content), cache(t)
			defer s.Client().CloseIdleConnections()
			s.fail(tc.plan...)
			r := download.Request{URL: s.URL, SHA256: tc.sum, Client: s.Client()}
			if tc.sum != "" { // what a power cut may leave
				if err := os.MkdirAll(c.Dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(c.Dir, tc.sum+".part"), make([]byte, 4096), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tc.kind != fault.Unknown {
				if _, _, err := get(t.Context(), t, c, r); fault.KindOf(err) != tc.kind {
					t.Fatalf("Get: %v, want %v", err, tc.kind)
				}
			}
			mustGet(t, c, r, content)
		})
	}
}

// TestGetTogether gets one file from many caches at once: it is downloaded once.
func TestGetTogether(t *testing.T) {
	content := random(400_000)
	s, c := serve(t, content), cache(t)
	defer s.Client().CloseIdleConnections()
	var wait sync.WaitGroup
	for range 8 {
		mine := *c
		wait.Go(func() {
			got, _, err := get(t.Context(), t, &mine, download.Request{URL: s.URL, SHA256: digest(content), Client: s.Client()})
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("Get: %d bytes, %v", len(got), err)
			}
		})
	}
	wait.Wait()
	if n := len(s.requests()); n != 1 {
		t.Errorf("the server was asked %d times, want once", n)
	}
}

func TestPrune(t *testing.T) {
	content := random(100_000)
	s, c := serve(t, content), cache(t)
	defer s.Client().CloseIdleConnections()
	mustGet(t, c, download.Request{URL: s.URL, SHA256: digest(content), Client: s.Client()}, content)
	later := time.Now().Add(time.Hour)
	prune := func(before time.Time, dry bool) int64 {
		t.Helper()
		n, err := events.New(&whole{}, func(s events.Step) (int64, error) {
			return c.Prune(s.Context(), s.Run(), before, dry)
		}).Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := prune(later.Add(-2*time.Hour), false); n != 0 {
		t.Errorf("pruned %d bytes of a file that is young", n)
	}
	for _, d := range files(t, c) { // what somebody who was killed while he wrote has left
		if strings.HasSuffix(d, ".json") {
			if err := os.WriteFile(filepath.Join(c.Dir, "."+d+".123.tmp"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := prune(later, true); n < int64(len(content)) || len(files(t, c)) == 0 {
		t.Errorf("a dry run says %d and leaves %q", n, files(t, c))
	}
	// What somebody is at work on stays.
	s.fail(hang(1000))
	other := download.Request{URL: s.URL + "/other", Client: s.Client()}
	ctx, cancel := context.WithCancel(t.Context())
	begun, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		op := events.New(&whole{}, func(s events.Step) (string, error) { return c.Get(s, other) })
		_, err := op.Do(ctx, events.WithSink(func(ev *events.Event) {
			if amount, ok := ev.Detail.(events.Amount); ok && amount.Total == int64(len(content)) {
				once.Do(func() { close(begun) })
			}
		}))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Get, cancelled: %v", err)
		}
	}()
	<-begun
	prune(later, false)
	if all := files(t, c); !slices.ContainsFunc(all, func(n string) bool { return strings.HasSuffix(n, ".part") }) {
		t.Errorf("a part that somebody downloads was pruned; left: %q", all)
	}
	cancel()
	<-done
	prune(later, false)
	if all := files(t, c); len(all) > 0 {
		t.Errorf("left %q", all)
	}
}

// TestPatient: requests that are none of Get's end, too, when nothing comes.
func TestPatient(t *testing.T) {
	content := random(100_000)
	s, c := serve(t, content), cache(t)
	c.Stall, c.Pace = 20*time.Millisecond, 1<<20
	client := &http.Client{Transport: c.Patient(s.Client().Transport)}
	defer client.CloseIdleConnections()
	read := func() ([]byte, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(resp.Body)
	}
	silent := func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }
	for name, plan := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){"silent": silent, "stops": hang(1000)} {
		s.fail(plan)
		if _, err := read(); !errors.Is(err, fault.Timeout) || len(fault.Remedies(err)) == 0 {
			t.Errorf("%s: %v, want timeout and a remedy", name, err)
		}
	}
	c.Stall = time.Minute
	client.Transport = c.Patient(s.Client().Transport)
	if got, err := read(); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the next one: %d bytes, %v", len(got), err)
	}
}
