package zfs

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"

	"github.com/libioc/ioc/fault"
)

// Source is a root that the host says is ioc's.
type Source struct {
	Name string // "main"; of an activated pool "ioc"
	Root string // the file system
	From string // where that is said
}

// rcLine is what libioc reads: ioc_dataset_NAME="pool/path".
var rcLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*ioc_dataset_([A-Za-z0-9_]+)=("([^"]*)"|'([^']*)'|([^\s#;]*))`)
})

// Sources lists the roots of a host: those of rc.conf, or, where it names none, those of the pools
// that were activated. The first is the main one. A host on which no ZFS is mounted is not asked.
func Sources(ctx context.Context, rcConf string) ([]Source, error) {
	all, err := rcSources(rcConf)
	if err != nil || len(all) > 0 {
		return all, err
	}
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		zfs := strings.HasSuffix(m.FSType, "zfs")
		return !zfs, zfs
	})
	if err != nil || len(mounts) == 0 {
		return nil, nil //nolint:nilerr // a system whose mounts nobody can list has no ZFS either
	}
	pools, err := Pools(ctx)
	for _, p := range pools {
		if p.Active && p.Root != "" {
			all = append(all, Source{"ioc", p.Root, propActive + " of " + p.Name})
		}
	}
	return all, err
}

func rcSources(path string) ([]Source, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read-only
	var all []Source
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := rcLine().FindStringSubmatch(lines.Text()); m != nil {
			if root := strings.Trim(m[3]+m[4]+m[5], "/"); root != "" {
				all = append(all, Source{m[1], root, path})
			}
		}
	}
	return all, lines.Err()
}

// Pool is one of the host's.
type Pool struct {
	Name      string
	Active    bool   // it is ioc's
	Root      string // its file system for ioc: NAME/ioc, or NAME/iocage of libioc; empty: it has none
	Used      int64  // bytes
	Available int64  // bytes that could still be written

	guid   string
	active string // the property, if it is the pool's own
}

// Pools asks once.
func Pools(ctx context.Context) ([]Pool, error) {
	rs, err := get(ctx, 1)
	if err != nil {
		return nil, fault.New("pools", fault.Unknown, "", err)
	}
	var all []Pool
	for i := range rs {
		r := &rs[i]
		pool, sub, isBelow := strings.Cut(r.name, "/")
		if !isBelow {
			if strings.Contains(r.name, "@") {
				continue
			}
			p := Pool{Name: pool, Active: r.get(propActive) == "yes", Used: r.number("used"), Available: r.number("available"), guid: r.get("guid")}
			if r.own[propActive] {
				p.active = r.get(propActive)
			}
			all = append(all, p)
			continue
		}
		if p := &all[len(all)-1]; p.Name == pool && (sub == "ioc" || sub == "iocage" && p.Root == "") {
			p.Root = r.name
		}
	}
	return all, nil
}

// Mounted is a file system with what ZFS accounts for.
type Mounted struct {
	Name                        string
	Dir                         string // empty: it is not mounted, or is not there
	Used, Referenced, Available int64  // bytes
}

// Describe asks once about file systems; what is not there has a name only.
func Describe(ctx context.Context, names ...string) ([]Mounted, error) {
	if len(names) == 0 {
		return nil, nil
	}
	rs, err := get(ctx, 0, names...)
	if err != nil {
		return nil, fault.New("datasets", fault.Unknown, "", err)
	}
	all := make([]Mounted, 0, len(names))
	for _, name := range names {
		m := Mounted{Name: name}
		if r := rs.find(name); r != nil {
			m.Used, m.Referenced, m.Available = r.number("used"), r.number("referenced"), r.number("available")
			if r.isMounted() {
				m.Dir = r.get("mountpoint")
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// Exists reports whether there is a file system of that name, mounted or not.
func Exists(ctx context.Context, name string) bool {
	rs, err := get(ctx, 0, name)
	return err == nil && len(rs) > 0
}
