package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/libioc/ioc/fault"
)

// Patient is rt for requests that are none of Get's: a server that says nothing, or less than c's pace, for as long as c waits
// for one has failed, with fault.Timeout. What is done between two readings of an answer does not count.
func (c *Cache) Patient(rt http.RoundTripper) http.RoundTripper {
	return &patient{rt, positive(c.Stall, defaultStall), positive(c.Pace, defaultPace)}
}

type patient struct {
	http.RoundTripper
	stall time.Duration
	pace  int64
}

// watched marks the context of a request that somebody watches already.
type watched struct{}

// RoundTrip is http.RoundTripper's.
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(watched{}) != nil {
		return p.RoundTripper.RoundTrip(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	b := &patientBody{ctx: ctx, cancel: cancel, why: fault.New("download", fault.Timeout, req.URL.Redacted(), fmt.Errorf(
		"less than %d bytes in %v", p.pace, p.stall,
	)).WithRemedy("try again")}
	b.watch = newWatch(p.stall, p.pace, func() { cancel(errStalled) })
	resp, err := p.RoundTripper.RoundTrip(req.WithContext(ctx))
	b.watch.pause()
	if err != nil {
		cancel(nil)
		return nil, b.failed(err)
	}
	b.ReadCloser, resp.Body = resp.Body, b
	return resp, nil
}

// patientBody is the body of an answer, watched while it is read.
type patientBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // it lives as long as one request
	cancel context.CancelCauseFunc
	watch  *watch
	why    error // of giving up
	got    int
}

func (b *patientBody) failed(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(b.ctx), errStalled) {
		return b.why
	}
	return err
}

// Read is io.Reader's.
func (b *patientBody) Read(p []byte) (n int, err error) {
	b.watch.resume(b.got)
	b.got, err = b.ReadCloser.Read(p)
	b.watch.pause()
	return b.got, b.failed(err)
}

// Close is io.Closer's.
func (b *patientBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
