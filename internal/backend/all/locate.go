package all

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs"
)

// Located is what a root turned out to be.
type Located struct {
	Dir     string
	Dataset string // the ZFS file system that is mounted there; empty: it is a directory like others
}

// patience with a file system before it counts as one that does not answer.
const patience = 10 * time.Second

// Locate finds what root names: a directory, or a ZFS file system as zfs writes it, tank/ioc. One that does not answer, as
// that of a pool whose disks are gone, is fault.Unavailable after ten seconds.
func Locate(root string) (Located, error) {
	type result struct {
		at  Located
		err error
	}
	found := make(chan result, 1)
	go func() { // nothing ends a call that waits for a file system
		at, err := locate(root)
		if err == nil {
			_, _ = os.Lstat(filepath.Join(at.Dir, "id")) // it answers; what, is looked at later
		}
		found <- result{at, err}
	}()
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case r := <-found:
		return r.at, r.err
	case <-over.C:
		return Located{}, fault.New("", fault.Unavailable, root, errors.New("the file system does not answer")).
			WithRemedy("ask zpool status, or mount, what it is and why it waits, and try again when it answers")
	}
}

func locate(root string) (Located, error) {
	name := root
	if filepath.IsAbs(root) {
		resolved, err := filepath.EvalSymlinks(root)
		if err != nil { // it is not there yet
			return Located{Dir: root}, nil //nolint:nilerr // who makes it will see why it cannot be
		}
		name = resolved
	}
	p, err := zfs.Find(name)
	if err == nil {
		if _, layers := os.Lstat(filepath.Join(p.Dir, "layers")); layers == nil && filepath.IsAbs(root) {
			return Located{Dir: root}, nil // it was filled when layers were all there was
		}
		return Located{p.Dir, p.Root}, nil
	}
	if _, there := os.Stat(root); there == nil || filepath.IsAbs(root) || strings.HasPrefix(root, ".") || !errors.Is(err, fault.NotFound) {
		return Located{Dir: root}, nil
	}
	if zfs.Exists(context.Background(), root) {
		return Located{}, fault.New("", fault.Unavailable, root, errors.New("the ZFS file system is not mounted")).
			WithRemedy("zfs mount " + root + ", which needs a mountpoint")
	}
	return Located{Dir: root}, nil
}

// Pool is a ZFS pool of the host.
type Pool = zfs.Pool

// Pools lists them.
func Pools(ctx context.Context) ([]Pool, error) { return zfs.Pools(ctx) }

// Activation plans that pools are ioc's, or are not; nothing is planned for one that is so already.
func Activation(ctx context.Context, pools []string, active bool) ([]events.Effect, error) {
	return zfs.Activation(ctx, pools, active)
}

// Source is a ZFS file system that the host says is a root of ioc's.
type Source struct {
	Source                      string // its name: "main"
	Dataset                     string // the file system
	From                        string // where the host says so
	Dir                         string // where it is mounted; empty: it is not
	Used, Referenced, Available int64  // bytes
}

// Sources lists them, the one that is used if none is named first.
func Sources(ctx context.Context) ([]Source, error) {
	said, err := zfs.Sources(ctx, rcConf)
	var names []string
	for _, s := range said {
		names = append(names, s.Root)
	}
	if err != nil {
		return nil, err
	}
	found, err := zfs.Describe(ctx, names...)
	if err != nil {
		return nil, err
	}
	all := make([]Source, 0, len(said))
	for i, s := range said {
		f := found[i]
		all = append(all, Source{s.Name, s.Root, s.From, f.Dir, f.Used, f.Referenced, f.Available})
	}
	return all, nil
}

// rcConf is where a host says which its roots are.
const rcConf = "/etc/rc.conf"

// MainSource is the root that the host says is ioc's, if it says so.
func MainSource(ctx context.Context) (root string, err error) {
	all, err := zfs.Sources(ctx, rcConf)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].Root, nil
}
