package download

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
)

// notes are what a server said of a file, and how much of it is surely on the disk.
type notes struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
	Total    int64  `json:"total,omitempty"`
	Synced   int64  `json:"synced,omitempty"`
}

// validator is what tells the server's file from a later one; empty: nothing does. RFC 9110, 13.1.5: a
// weak tag does not.
func (n notes) validator() string {
	if n.ETag != "" && !strings.HasPrefix(n.ETag, "W/") {
		return n.ETag
	}
	return n.Modified
}

// read gives the notes; of what cannot be read nothing is known.
func (g *getting) read() (n notes) {
	text, err := os.ReadFile(g.file.notes)
	if err != nil || json.Unmarshal(text, &n) != nil || n.URL != g.r.URL {
		return notes{}
	}
	return n
}

func (g *getting) note(n notes) error {
	text, err := json.Marshal(n)
	if err == nil {
		err = atomicfile.WriteFile(g.file.notes, text, 0o600)
	}
	return g.failed(fault.Unknown, err)
}

func (g *getting) total(n notes) int64 { return positive(n.Total, g.r.Size) }

// passing is a failure that may be gone the next time.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

func passes(err error) bool {
	_, ok := errors.AsType[passing](err)
	return ok
}

// errStalled is the cause of a context that was given up because nothing came.
var errStalled = errors.New("stalled")

// attempt asks once for what is missing. current: what is there is what the server has.
func (g *getting) attempt(ctx context.Context) (current bool, err error) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, watched{}, true))
	defer cancel(nil)
	w := newWatch(positive(g.Stall, defaultStall), positive(g.Pace, defaultPace), func() { cancel(errStalled) })
	defer w.pause()

	had, known := g.kept(), g.read()
	if had > 0 && known.validator() == "" && g.r.SHA256 == "" {
		had = 0
	}
	req, err := g.request(ctx, had, known)
	if err != nil {
		return false, err
	}
	resp, err := g.client().Do(req)
	if err != nil {
		return false, g.broken(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read-only
	switch had, err = g.judge(resp, had, &known); {
	case errors.Is(err, errCurrent):
		return true, nil
	case errors.Is(err, errAll):
		return false, nil
	case err != nil:
		return false, err
	}
	// What is whole is another version's, and must never be found under this one's notes.
	if err := os.Remove(g.file.whole); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, g.failed(fault.Unknown, err)
	}
	if err := g.note(known); err != nil {
		return false, err
	}
	return false, g.copy(ctx, resp.Body, had, known, w)
}

func (g *getting) client() *http.Client {
	for _, c := range []*http.Client{g.r.Client, g.Client} {
		if c != nil {
			return c
		}
	}
	return http.DefaultClient
}

func (g *getting) request(ctx context.Context, had int64, known notes) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.r.URL, nil)
	if err != nil {
		return nil, g.failed(fault.Invalid, err)
	}
	req.Header.Set("User-Agent", "ioc")
	req.Header.Set("Accept-Encoding", "identity") // the bytes themselves are wanted, and a part of them
	switch _, err := os.Lstat(g.file.whole); {
	case had > 0:
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", had))
		if v := known.validator(); v != "" {
			req.Header.Set("If-Range", v)
		}
	case err == nil:
		if known.ETag != "" {
			req.Header.Set("If-None-Match", known.ETag)
		}
		if known.Modified != "" {
			req.Header.Set("If-Modified-Since", known.Modified)
		}
	}
	return req, nil
}

// What judge finds where nothing is to be read.
var (
	errCurrent = errors.New("it is there")
	errAll     = errors.New("all of it is there")
)

// judge reads the answer's head and says from where on its body is.
func (g *getting) judge(resp *http.Response, had int64, known *notes) (from int64, err error) {
	total, start := positive(resp.ContentLength, 0), int64(0)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		start, total = contentRange(resp.Header.Get("Content-Range"))
		if start != had {
			return 0, g.answered(resp, "another part than the one that was asked for")
		}
	case http.StatusNotModified:
		return 0, errCurrent
	case http.StatusRequestedRangeNotSatisfiable:
		if _, total := contentRange(resp.Header.Get("Content-Range")); total == had {
			return 0, errAll
		}
		if err := os.Remove(g.file.part); err != nil {
			return 0, g.failed(fault.Unknown, err)
		}
		return 0, passing{g.answered(resp, "")}
	default:
		return 0, g.answered(resp, "")
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" && !g.r.Page && !strings.HasPrefix(path.Ext(g.url.Path), ".htm") {
		return 0, g.answered(resp, "a web page instead of the file")
	}
	if g.r.Size > 0 && total > 0 && total != g.r.Size {
		return 0, g.answered(resp, fmt.Sprintf("a file of %d bytes, not of %d", total, g.r.Size))
	}
	if total > g.r.Max {
		return 0, g.answered(resp, fmt.Sprintf("a file of %d bytes, and more than %d are not taken", total, g.r.Max))
	}
	*known = notes{
		URL: g.r.URL, ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified"),
		Total: total, Synced: min(known.Synced, start),
	}
	return start, nil
}

// contentRange reads "bytes 5-9/10" and "bytes */10".
func contentRange(s string) (start, total int64) {
	span, size, _ := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		start = -1
	}
	total, _ = strconv.ParseInt(size, 10, 64) // "*": nobody knows
	return start, total
}

// answered is the error of an answer that is not the file.
func (g *getting) answered(resp *http.Response, instead string) error {
	from := resp.Request.URL // after redirections
	if instead != "" {
		return fault.New("download", fault.Unavailable, from.Redacted(), errors.New("the server answered with "+instead)).
			WithRemedy("look at the address, and at what is between here and there")
	}
	err := errors.New("the server answered " + resp.Status)
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return fault.New("download", fault.NotFound, from.Redacted(), err)
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		return fault.New("download", fault.Denied, from.Redacted(), err)
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= http.StatusInternalServerError:
		return passing{fault.New("download", fault.Unavailable, from.Redacted(), err).WithRemedy("try again later")}
	default:
		return fault.New("download", fault.Unavailable, from.Redacted(), err)
	}
}

// broken is the error of a connection.
func (g *getting) broken(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return passing{fault.New("download", fault.Timeout, g.url.Redacted(), fmt.Errorf(
			"less than %d bytes in %v", positive(g.Pace, defaultPace), positive(g.Stall, defaultStall),
		)).
			WithRemedy("try again: it goes on where it was broken off")}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection was cut")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // its text is the address again
		err = wrapped.Err
	}
	remedy := "try again: it goes on where it was broken off"
	if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
		err, remedy = fmt.Errorf("there is no host %s", missing.Name), "look at the address, at the network, and at HTTPS_PROXY if there is a proxy"
	}
	return passing{fault.New("download", fault.Unavailable, g.url.Redacted(), err).WithRemedy(remedy)}
}
