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

// SourceNames lists their names and file systems, NAME=DATASET, without a look at those.
func SourceNames(ctx context.Context) ([]string, error) {
	said, err := zfs.Sources(ctx, rcConf)
	var all []string
	for _, s := range said {
		all = append(all, s.Name+"="+s.Root)
	}
	return all, err
}

// rcConf is where a host says which its roots are.
const rcConf = "/etc/rc.conf"

// MainSource is the root that the host says is ioc's, if it says so.
func MainSource(ctx context.Context) (name, root string, err error) {
	all, err := zfs.Sources(ctx, rcConf)
	if err != nil || len(all) == 0 {
		return "", "", err
	}
	return all[0].Name, all[0].Root, nil
}

// ValidSource reports whether a root can be called so: what rc.conf can name.
func ValidSource(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	})
}

// NamedSource finds the root that is called so, NAME, or gives it that name, NAME=DATASET.
func NamedSource(ctx context.Context, said string) (name, root string, err error) {
	name, root, given := strings.Cut(said, "=")
	if !ValidSource(name) || given && strings.Trim(root, "/") == "" {
		return "", "", fault.New("", fault.Invalid, "source "+said, errors.New("it is neither NAME nor NAME=DATASET")).
			WithRemedy("write a name of letters, digits and _, and after a = the name of a ZFS file system or a directory")
	}
	if given && !filepath.IsAbs(root) {
		if _, err := zfs.Find(root); errors.Is(err, fault.NotFound) && !zfs.Exists(ctx, root) {
			return "", "", fault.New("", fault.NotFound, "source "+name, errors.New("there is no ZFS file system "+root)).
				WithRemedy("zfs create " + root + ", or name another one or a directory, from / on")
		}
	}
	if given {
		return name, root, nil
	}
	var found, names []string
	all, err := zfs.Sources(ctx, rcConf)
	for _, s := range all {
		if names = append(names, s.Name); s.Name == name {
			found = append(found, s.Root)
		}
	}
	switch {
	case err != nil:
		return "", "", err
	case len(found) == 1:
		return name, found[0], nil
	case len(found) > 1:
		return "", "", fault.New("", fault.Invalid, "source "+name, errors.New("several are called so: "+strings.Join(found, ", "))).
			WithRemedy("give the one that is meant a name of its own: --source NAME=" + found[0])
	}
	remedy := "say where it is: --source " + name + "=DATASET"
	if len(names) > 0 {
		remedy += "; those that have a name are " + strings.Join(names, ", ")
	}
	return "", "", fault.New("", fault.NotFound, "source "+name, nil).WithRemedy(remedy)
}
