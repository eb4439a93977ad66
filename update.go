package ioc

import (
	"errors"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/storage"
)

// UpdateRelease gets a release again from where it came from. If that has something newer it becomes a release of
// its own, NAME-p1, NAME-p2 and so on, and NAME stays as it is: the jails that were made from it go on with
// it, and say so. If not, the operation is skipped. Name is that of the release or of one of its patch levels.
// A mirror is asked as in FetchOptions.
func (h *Host) UpdateRelease(name, mirror string) events.Op[release.Info] {
	n := h.sources.name(storage.Name(name)) // an address stands for the release that is called after it
	return events.New(&release.Updating{Name: n}, func(s events.Step) (i release.Info, err error) {
		newest, next, err := h.newest(s, n)
		if err != nil {
			return i, fault.New("update", fault.Unknown, name, err)
		}
		src, err := h.sources.again(newest, mirror)
		if err != nil {
			return i, fault.New("update", fault.Unknown, name, err)
		}
		d := storage.Release(next)
		if _, err := h.keeper.Enter(s, "update", jail.Want{Dataset: d, Wait: jail.ReleasePatience}); err != nil {
			return i, err
		}
		if err := h.keeper.Claim(s, "update", true, []storage.Dataset{d}, nil); err != nil {
			return i, err
		}
		i, err = events.Call(s, release.Import(h.backend.Storage, release.ImportOptions{Name: next, Source: src, Newer: newest.Digest}))
		if err == nil && i.Name == "" {
			return newest, events.Skip("what is there is the newest")
		}
		s.Result(&i)
		return i, err
	}).With(h.preset...)
}

// newest is the last patch level of a release, and the name of the next.
func (h *Host) newest(s events.Step, n storage.Name) (i release.Info, next storage.Name, err error) {
	if _, err = release.Stat(s.Context(), h.backend.Storage, n); err != nil {
		return i, "", err
	}
	base, _ := release.Patch(n)
	all, err := release.List(s.Context(), h.backend.Storage)
	if err != nil {
		return i, "", err
	}
	last := -1
	for _, r := range all {
		if b, level := release.Patch(r.Name); b == base && level > last {
			i, last = r, level
		}
	}
	return i, release.At(base, last+1), i.Broken
}

// again is where a release came from.
func (x sources) again(i release.Info, mirror string) (release.Source, error) {
	base, _ := release.Patch(i.Name)
	if src, ok := x.known[string(base)]; ok {
		return src, nil
	}
	if !IsAddress(i.Source) {
		return nil, fault.New("", fault.NotSupported, i.Source, errors.New("only what was fetched from an address can be got again")).
			WithRemedy("fetch the new one under another name: ioc fetch --from-tar FILE NAME")
	}
	_, src, err := x.locate(i.Source, mirror)
	return src, err
}
