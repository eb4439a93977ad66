package ioc

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/nearest"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// FetchOptions say what to make a release of.
type FetchOptions struct {
	Name   string         // of the release; empty: as From proposes, else the default one
	From   string         // where it is, if IsAddress says so; Source must be nil then
	Source release.Source // nil: the one that is known by the name
	Mirror string         // the URL of a server that has what From's own has; empty: that one, or what the host's apt says
	SHA256 string         // of what is read, in hexadecimal; empty: it is believed
	Policy release.Policy // what an archive may contain

	// Key is the public key with which an archive must be signed, of minisign or signify: a file or the key itself.
	// Signature is a file or a URL; empty: From, or the name of the Source, with ".minisig" after it.
	Key, Signature string
}

// Releases lists all releases in the order of their names. Broken ones are among them.
func (h *Host) Releases(ctx context.Context) ([]release.Info, error) {
	return release.List(ctx, h.backend.Storage)
}

// NewestRelease is the last patch level of a release, or of the release that one is a patch level of, that is there.
func (h *Host) NewestRelease(ctx context.Context, name string) (string, error) {
	base, _ := release.Patch(storage.Name(name))
	n, err := release.Newest(ctx, h.backend.Storage, base)
	return string(n), err
}

// Fetch makes a release of a root file system. It is seen by nobody before it is complete. One that is
// there and was made of the same is skipped; one that was made of something else is fault.Exists. Somebody else who
// gets it is waited for, for jail.ReleasePatience; then it is fault.Busy.
func (h *Host) Fetch(o FetchOptions) events.Op[release.Info] {
	name, src, err := h.sources.choose(o)
	if err != nil { // it is for the stream to say
		return events.New(&release.Importing{Name: name}, func(events.Step) (i release.Info, _ error) { return i, err }).
			With(h.preset...)
	}
	op := release.Import(h.backend.Storage, release.ImportOptions{
		Name: name, Source: src, SHA256: o.SHA256, Policy: o.Policy, Signed: h.sources.signed(o, src),
	})
	return op.After(h.alone("fetch", name, true)).With(h.preset...)
}

// signed is who must have signed what is fetched.
func (x sources) signed(o FetchOptions, src release.Source) release.Signature {
	if o.Key == "" && o.Signature == "" {
		return release.Signature{}
	}
	where := o.Signature
	if where == "" {
		where = cmp.Or(o.From, src.String()) + ".minisig"
	}
	return release.Signature{Key: o.Key, Where: where, Cache: x.cache}
}

// DestroyRelease destroys a release that no jail uses. If jails use it, it is fault.Busy with a
// *storage.UsersError that names them.
func (h *Host) DestroyRelease(name string) events.Op[struct{}] {
	n := storage.Name(name)
	return release.Destroy(h.backend.Storage, n).After(h.alone("destroy", n, false)).With(h.preset...)
}

// alone is how an operation that makes (or ends) a release begins. Where it has nothing to do it notes nothing.
func (h *Host) alone(op string, name storage.Name, makes bool) func(events.Step) error {
	want := jail.Want{Dataset: storage.Release(name)}
	if makes {
		want.Wait = jail.ReleasePatience
	}
	return func(s events.Step) error {
		if _, err := h.keeper.Enter(s, op, want); err != nil {
			return err
		}
		if _, err := h.backend.Storage.Stat(s.Context(), want.Dataset); (err == nil) == makes {
			return nil
		}
		return h.keeper.Claim(s, op, true, []storage.Dataset{want.Dataset}, nil)
	}
}

// sources are the releases that can be got by their name.
type sources struct {
	storage storage.Driver
	cache   *download.Cache // nil: a dry run
	known   map[string]release.Source
	asked   *sync.Map // by name, those of the addresses that jails were to be made from
	usual   storage.Name
}

func newSources(d storage.Driver, c *download.Cache, o Options) sources {
	s := sources{storage: d, cache: c, known: builtin(), asked: &sync.Map{}, usual: storage.Name(o.DefaultRelease)}
	maps.Copy(s.known, o.Sources)
	if s.usual == "" {
		s.usual = Embedded
	}
	return s
}

// choose gives the release's name and its source.
func (x sources) choose(o FetchOptions) (name storage.Name, src release.Source, err error) {
	name, src = storage.Name(o.Name), o.Source
	if src == nil && o.From != "" {
		var proposed storage.Name
		proposed, src, err = x.locate(o.From, o.Mirror)
		if name == "" {
			name = proposed
		}
		return name, src, err
	}
	if name == "" {
		name = x.usual
	}
	if src == nil {
		src, err = x.find(name)
	}
	return name, src, err
}

// name is that of the release a jail is to be made from, where that may be an address, too.
func (x sources) name(release storage.Name) storage.Name {
	if !IsAddress(string(release)) {
		return release
	}
	name, src, err := x.locate(string(release), "")
	if err != nil {
		src = unreachable{err}
		if name == "" {
			name = named(string(release))
		}
	}
	x.asked.Store(string(name), src)
	return name
}

// unreachable is the source at an address that makes no sense. It is for the stream to say.
type unreachable struct{ err error }

func (u unreachable) String() string                         { return u.err.Error() }
func (u unreachable) Digest(context.Context) (string, error) { return "", u.err }
func (u unreachable) Write(context.Context, release.Target) (release.Written, error) {
	return release.Written{}, u.err
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
	if src, ok := x.asked.Load(string(name)); ok {
		return src.(release.Source), nil //nolint:forcetypeassert // nothing else is stored
	}
	if src, ok := x.known[string(name)]; ok {
		return src, nil
	}
	why := errors.New("it is not there, and nothing of that name can be fetched")
	if all := slices.Sorted(maps.Keys(x.known)); len(all) > 0 {
		why = errors.New("it is not there, and only " + strings.Join(all, ", ") + " can be fetched by name")
	}
	missing := fault.New("", fault.NotFound, "release "+string(name), why)
	if near := nearest.Word(string(name), slices.Sorted(maps.Keys(x.known))); near != "" {
		return nil, missing.WithRemedy("did you mean " + near + "?")
	}
	return nil, missing.
		WithRemedy("fetch it from an archive or an image first: ioc help fetch")
}
