package ioc

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// FetchOptions say what to make a release of.
type FetchOptions struct {
	Name   string         // of the release; empty: the default one
	Source release.Source // nil: the one that is known by the name
	SHA256 string         // of what is read, in hexadecimal; empty: it is believed
	Policy release.Policy // what an archive may contain
}

// Releases lists all releases in the order of their names. Broken ones are among them.
func (h *Host) Releases(ctx context.Context) ([]release.Info, error) {
	return release.List(ctx, h.backend.Storage)
}

// Fetch makes a release of a root file system. It is seen by nobody before it is complete. One that is
// there and was made of the same is skipped; one that was made of something else is fault.Exists.
func (h *Host) Fetch(o FetchOptions) events.Op[release.Info] {
	name := storage.Name(o.Name)
	if name == "" {
		name = h.sources.Default()
	}
	src, err := o.Source, error(nil)
	if src == nil {
		src, err = h.sources.find(name)
	}
	if err != nil { // it is for the stream to say
		return events.New(&release.Importing{Name: name}, func(events.Step) (i release.Info, _ error) { return i, err }).
			With(h.preset...)
	}
	op := release.Import(h.backend.Storage, release.ImportOptions{Name: name, Source: src, SHA256: o.SHA256, Policy: o.Policy})
	return op.After(h.alone("fetch", name, true)).With(h.preset...)
}

// DestroyRelease destroys a release that no jail uses. If jails use it, it is fault.Busy with a
// *storage.UsersError that names them.
func (h *Host) DestroyRelease(name string) events.Op[struct{}] {
	n := storage.Name(name)
	return release.Destroy(h.backend.Storage, n).After(h.alone("destroy", n, false)).With(h.preset...)
}

// alone is how an operation that makes (or ends) a release begins. Where it has nothing to do it notes nothing.
func (h *Host) alone(op string, name storage.Name, makes bool) func(events.Step) error {
	d := storage.Release(name)
	return func(s events.Step) error {
		if _, err := h.keeper.Enter(s, op, jail.Want{Dataset: d}); err != nil {
			return err
		}
		if _, err := h.backend.Storage.Stat(s.Context(), d); (err == nil) == makes {
			return nil
		}
		return h.keeper.Claim(s, op, true, []storage.Dataset{d}, nil)
	}
}

// sources are the releases that can be got by their name.
type sources struct {
	storage storage.Driver
	known   map[string]release.Source
	usual   storage.Name
}

func newSources(d storage.Driver, o Options) sources {
	s := sources{storage: d, known: builtin(), usual: storage.Name(o.DefaultRelease)}
	maps.Copy(s.known, o.Sources)
	if s.usual == "" {
		s.usual = Embedded
	}
	return s
}

// Default is the release that jails are made from where none was asked for.
func (x sources) Default() storage.Name { return x.usual }

// Fetch gets a release by its name as a child of s.
func (x sources) Fetch(s events.Step, name storage.Name) error {
	src, err := x.find(name)
	if err != nil {
		return err
	}
	_, err = events.Call(s, release.Import(x.storage, release.ImportOptions{Name: name, Source: src}))
	return err
}

func (x sources) find(name storage.Name) (release.Source, error) {
	if src, ok := x.known[string(name)]; ok {
		return src, nil
	}
	why := errors.New("it is not there, and nothing of that name can be fetched")
	if all := slices.Sorted(maps.Keys(x.known)); len(all) > 0 {
		why = errors.New("it is not there, and only " + strings.Join(all, ", ") + " can be fetched by name")
	}
	return nil, fault.New("", fault.NotFound, "release "+string(name), why).
		WithRemedy("fetch it from an archive first")
}
