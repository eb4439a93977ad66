package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
)

// Options say how images are got. Only a registry needs a cache.
type Options struct {
	Cache    *download.Cache
	Platform string            // "linux/arm64"; empty: this program's processor on Linux
	Keychain authn.Keychain    // who we are; nil: what the usual file says
	Client   http.RoundTripper // nil: http.DefaultTransport
}

// Scheme begins the names of images in a registry.
const Scheme = "oci://"

// lanes is how many layers are downloaded at once.
const lanes = 4

// Resolve is the payload of asking a registry what a reference is.
type Resolve struct {
	Image    string
	Platform string // system and processor: "linux/amd64"
}

// EventType is the step's name in events.
func (*Resolve) EventType() string { return "image.resolve" }

// EventKey is the image.
func (r *Resolve) EventKey() string { return r.Image }

// EventTitle is for people.
func (r *Resolve) EventTitle() string { return "resolve " + r.Image + " for " + r.Platform }

// AppendAttrs adds the platform.
func (r *Resolve) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("platform", r.Platform))
}

// Layers is the payload of getting an image's layers.
type Layers struct {
	Image string
	Count int // how many there are
}

// EventType is the step's name in events.
func (*Layers) EventType() string { return "image.layers" }

// EventKey is the image.
func (l *Layers) EventKey() string { return l.Image }

// EventTitle is for people.
func (l *Layers) EventTitle() string { return fmt.Sprintf("get the layers of %s", l.Image) }

// AppendAttrs adds how many there are.
func (l *Layers) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("count", l.Count))
}

// Layer is the payload of getting one layer.
type Layer struct {
	Digest string
	Nth    int // from 1
	Count  int // how many there are
}

// EventType is the step's name in events.
func (*Layer) EventType() string { return "image.layer" }

// EventKey is the layer.
func (l *Layer) EventKey() string { return l.Digest }

// EventTitle is for people.
func (l *Layer) EventTitle() string { return fmt.Sprintf("layer %d of %d", l.Nth, l.Count) }

// AppendAttrs adds its place.
func (l *Layer) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.Int("nth", l.Nth), slog.Int("count", l.Count))
}

// Registry is an image in a registry, by a reference such as "debian:12", "ghcr.io/org/image:tag" or
// "registry.example.org:5000/image@sha256:...", with or without "oci://" before it.
func Registry(reference string, o Options) (release.Source, error) {
	ref, err := name.ParseReference(strings.TrimPrefix(reference, Scheme))
	if err != nil {
		return nil, fault.New("fetch", fault.Invalid, reference, errors.Unwrap(err)).
			WithRemedy("name an image as REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST")
	}
	p, err := o.platform()
	if err != nil {
		return nil, err
	}
	return &registry{ref: ref, platform: p, o: o}, nil
}

type registry struct {
	ref      name.Reference
	platform *v1.Platform
	o        Options
}

func (r *registry) String() string { return Scheme + r.ref.Name() }

// Digest is not known before the registry was asked.
func (*registry) Digest(context.Context) (string, error) { return "", nil }

func (r *registry) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{}, fault.New("import", fault.Internal, r.String(), errors.New("it was not downloaded"))
}

// Prepare asks what the reference is now and downloads its layers.
func (r *registry) Prepare(s events.Step) (src release.Source, err error) {
	var m *manifest
	if err := s.Do(&Resolve{r.ref.Name(), r.platform.String()}, func(s events.Step) error {
		img, err := r.image(s.Context())
		if err == nil {
			m, err = read(img)
		}
		if err == nil {
			s.Result(m.digest)
		}
		return r.classify(err)
	}); err != nil {
		return nil, err
	}
	files := map[string]string{}
	if err := s.Do(&Layers{r.ref.Name(), len(m.layers)}, func(s events.Step) error {
		client, err := r.client(s.Context())
		if err != nil {
			return r.classify(err)
		}
		return r.layers(s, client, m, files)
	}); err != nil {
		return nil, err
	}
	all := make([]release.Archive, 0, len(m.layers))
	for _, l := range m.layers {
		all = append(all, release.Archive{
			Name: l.digest.String(), Size: l.size, Digest: l.digest.String(), Plain: l.plain.String(),
			Open: func() (io.ReadCloser, error) { return os.Open(files[l.digest.Hex]) },
		})
	}
	return release.Stack(m.options(r.String(), m.digest, r.o), all...), nil
}

// layers downloads what is missing, several at once, each digest once.
func (r *registry) layers(s events.Step, client *http.Client, m *manifest, files map[string]string) error {
	type got struct{ digest, path string }
	paths := make(chan got, len(m.layers))
	err := s.Group(func(g *events.Group) {
		seen := map[string]bool{}
		for i, l := range m.layers {
			if seen[l.digest.Hex] {
				continue
			}
			seen[l.digest.Hex] = true
			g.Go(&Layer{l.digest.String(), i + 1, len(m.layers)}, func(s events.Step) error {
				path, err := r.o.Cache.Get(s, download.Request{URL: r.blob(l.digest), SHA256: l.digest.Hex, Size: l.size, Client: client})
				paths <- got{l.digest.Hex, path}
				return err
			})
		}
	}, events.Limit(lanes))
	close(paths)
	for p := range paths {
		files[p.digest] = p.path
	}
	return err
}

// blob is where a layer is: the distribution specification, "Pulling blobs".
func (r *registry) blob(digest v1.Hash) string {
	repo := r.ref.Context()
	return repo.Scheme() + "://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr() + "/blobs/" + digest.String()
}

func (r *registry) image(ctx context.Context) (v1.Image, error) {
	got, err := remote.Get(r.ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keychain()),
		remote.WithTransport(r.transport()), remote.WithPlatform(*r.platform), remote.WithUserAgent("ioc"))
	if err != nil {
		return nil, err
	}
	if !got.MediaType.IsIndex() {
		return got.Image()
	}
	index, err := got.ImageIndex()
	if err != nil {
		return nil, err
	}
	return choose(index, r.platform, r.ref.Name())
}

func (r *registry) client(ctx context.Context) (*http.Client, error) {
	repo := r.ref.Context()
	who, err := authn.Resolve(ctx, r.keychain(), repo)
	if err != nil {
		return nil, err
	}
	t, err := transport.NewWithContext(ctx, repo.Registry, who, r.transport(), []string{repo.Scope(transport.PullScope)})
	return &http.Client{Transport: t}, err
}

func (r *registry) keychain() authn.Keychain {
	if r.o.Keychain != nil {
		return r.o.Keychain
	}
	return authn.DefaultKeychain
}

// transport is patient, but not for ever: the library waits for an answer as long as its context lives.
func (r *registry) transport() http.RoundTripper {
	if r.o.Client != nil {
		return noPages{r.o.Cache.Patient(r.o.Client)}
	}
	return noPages{r.o.Cache.Patient(http.DefaultTransport)}
}

// noPages fails where a web page comes instead of a part of an image: proxies do that to strangers.
type noPages struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (t noPages) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(req.URL.Path, "/manifests/") && !strings.Contains(req.URL.Path, "/blobs/") {
		return resp, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/html" {
		return resp, nil
	}
	return nil, errors.Join(fault.New("download", fault.Unavailable, req.URL.Redacted(), errors.New("the registry answered with a web page")).
		WithRemedy("look at the name, and at HTTPS_PROXY if there is a proxy"), resp.Body.Close())
}

// classify says what kind of failure a registry's is.
func (r *registry) classify(err error) error {
	if err == nil || fault.KindOf(err) != fault.Unknown {
		return err
	}
	bad, ok := errors.AsType[*transport.Error](err)
	switch {
	case ok:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New("", fault.Unavailable, r.ref.Name(), errors.New("the connection was cut")).WithRemedy("try again")
	default: // what came is nothing that a registry says, or nothing came
		return fault.New("", fault.Unavailable, r.ref.Name(), err).
			WithRemedy("look at the name, at the network, and at HTTPS_PROXY if there is a proxy")
	}
	status := fmt.Errorf("the registry answered %d %s", bad.StatusCode, http.StatusText(bad.StatusCode))
	for _, d := range bad.Errors {
		if d.Message != "" {
			status = fmt.Errorf("%w: %s", status, d.Message)
		}
	}
	switch bad.StatusCode {
	case http.StatusNotFound:
		return fault.New("", fault.NotFound, r.ref.Name(), status)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.New("", fault.Denied, r.ref.Name(), status).
			WithRemedy("look at the name; if it is right, log in: the credentials of docker login and podman login are used")
	default:
		return fault.New("", fault.Unavailable, r.ref.Name(), status).WithRemedy("try again later")
	}
}
