package release

import (
	"context"
	"errors"
	"net/url"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
)

// Web is an archive at an address, http or https. It is downloaded to c first; what was downloaded is
// gone on with if that is broken off. With sha256, in hexadecimal, nothing else is taken.
func Web(c *download.Cache, address, sha256 string) Source {
	return &web{c, download.Request{URL: address, SHA256: sha256}}
}

type web struct {
	cache   *download.Cache
	request download.Request
}

// String is the address without a password.
func (w *web) String() string {
	u, err := url.Parse(w.request.URL)
	if err != nil {
		return w.request.URL
	}
	return u.Redacted()
}

func (w *web) Digest(context.Context) (string, error) { return digestOf(w.request.SHA256) }

// Prepare downloads it.
func (w *web) Prepare(s events.Step) (Source, error) {
	path, err := w.cache.Get(s, w.request)
	return File(path), err
}

func (w *web) Write(context.Context, Target) (Written, error) {
	return Written{}, fault.New("import", fault.Internal, w.String(), errors.New("it was not downloaded"))
}
