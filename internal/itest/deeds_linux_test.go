package itest

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/release"
)

// deed is an operation whose value does not matter.
type deed func(ctx context.Context, opts ...events.Option) (errs error)

func erase[T any](op events.Op[T]) deed {
	return func(ctx context.Context, opts ...events.Option) error {
		var c eventstest.Checker
		_, err := op.Do(ctx, append(opts, events.WithSink(c.Sink()))...)
		return errors.Join(err, c.Close())
	}
}

// deeds are what a task can do to a jail.
func deeds(h *ioc.Host, name string) map[string]deed {
	j := h.JailGenerator(name)
	stays := waits(nil)
	stays.Attach = nil
	ends := stays
	ends.Process.Args = []string{"/bin/sh"}
	tarball := release.File(filepath.Join(filepath.Dir(h.Root()), "base.tar"))
	all := h.JailsGenerator("web", "other", "copy")
	only := func(jails ...apply.Jail) deed {
		for i := range jails {
			jails[i].Release = base
		}
		return erase(h.Apply(&apply.File{Jails: jails}, ioc.ApplyOptions{Prune: true}))
	}
	return map[string]deed{
		"create":   erase(j.Create(ioc.CreateOptions{Release: base})),
		"start":    erase(j.Start()),
		"stop":     erase(j.Stop(ioc.StopOptions{})),
		"kill":     erase(j.Stop(ioc.StopOptions{Force: true})),
		"restart":  erase(j.Restart(ioc.StopOptions{})),
		"exec":     erase(j.Exec(ends)),
		"stay":     erase(j.Exec(stays)),
		"run":      erase(j.Run(ioc.RunOptions{Create: ioc.CreateOptions{Release: base}, Exec: ends})),
		"rename":   erase(j.Rename("other")),
		"clone":    erase(j.Clone("copy", ioc.CloneOptions{})),
		"thick":    erase(j.Clone("copy", ioc.CloneOptions{Thick: true})),
		"snapshot": erase(j.Snapshot("now")),
		"rollback": erase(j.Rollback("one", ioc.RollbackOptions{DestroyNewer: true})),
		"forget":   erase(j.DestroySnapshot("one")),
		"set":      erase(j.Set(map[string]string{"notes": "other"})),
		"destroy":  erase(j.Destroy(ioc.DestroyOptions{Force: true})),
		"fetch":    erase(h.Fetch(ioc.FetchOptions{Name: base, Source: tarball})),
		"recover":  erase(h.Recover()),

		"apply-one":   only(apply.Jail{Name: "web", State: apply.Running, Properties: map[string]string{"notes": "one"}}),
		"apply-two":   only(apply.Jail{Name: "other", State: apply.Running}, apply.Jail{Name: "copy", State: apply.Running}),
		"start-all":   erase(all.Start(ioc.SeveralOptions{Ignore: true})),
		"stop-all":    erase(all.Stop(ioc.StopOptions{}, ioc.SeveralOptions{Ignore: true})),
		"destroy-all": erase(all.Destroy(ioc.DestroyOptions{Force: true})),

		"unrelease": erase(h.DestroyRelease(base)),
	}
}
