package all

import (
	"context"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/linuxns"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/backend/usernet"
	"github.com/libioc/ioc/internal/backend/vethbridge"
	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/storage"
)

// The places of a host that was not told others.
const (
	SystemRoot = "/var/lib/ioc"
	SystemRun  = "/run/ioc"
)

// System is the back end of this operating system: ZFS or overlay layers, namespaces, and bridges.
func System(p Places) (Backend, error) {
	files, err := files(p)
	if err != nil {
		return Backend{}, err
	}
	run, links := filepath.Join(p.Run, "sandbox"), filepath.Join(p.Run, "links")
	boot, err := bootID()
	if err != nil {
		return Backend{}, err
	}
	if err := emptyAfterReboot(boot, p.Run, run, links); err != nil {
		return Backend{}, err
	}
	return Backend{
		Name:     "linux",
		Commands: shell{},
		Storage:  files,
		Sandbox:  linuxns.New(linuxns.Options{Run: run, Group: "ioc-" + p.ID}),
		Network: usernet.New(usernet.Options{Run: links, Boot: boot},
			vethbridge.New(vethbridge.Options{Run: links, State: filepath.Join(SystemRun, "network"), Boot: boot, Group: p.ID})),
		Register: func(r *events.Registry) {
			overlay.Register(r)
			zfs.Register(r)
			linuxns.Register(r)
			vethbridge.Register(r)
			usernet.Register(r)
		},
	}, nil
}

func files(p Places) (storage.Driver, error) {
	if p.Dataset == "" {
		return overlay.Open(p.Root, overlay.Options{})
	}
	return zfs.Open(context.Background(), zfs.Place{Root: p.Dataset, Dir: p.Root})
}
