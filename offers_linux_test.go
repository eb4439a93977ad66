package ioc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/fault"
)

func TestOffers(t *testing.T) {
	h := realHost(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<a href="v3.21/">x</a><a href="v3.9/">x</a><a href="edge/">x</a>`)) // the client says what is wrong
	}))
	defer s.Close()
	var got []string
	for _, o := range must(t, h.Offers(ioc.OfferOptions{Sources: []string{"alpine/"}, Mirror: s.URL})) {
		got = append(got, o.Address)
	}
	if diff := cmp.Diff([]string{"alpine/3.9", "alpine/3.21", "alpine/edge"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := h.Offers(ioc.OfferOptions{Sources: []string{"images"}, Mirror: s.URL}).Do(t.Context()); !errors.Is(err, fault.Corrupt) && !errors.Is(err, fault.Unavailable) {
		t.Errorf("a page for every path: %v", err)
	}
	for _, bad := range []ioc.OfferOptions{{Sources: []string{"none"}}, {Mirror: s.URL}} {
		if _, err := h.Offers(bad).Do(t.Context()); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
