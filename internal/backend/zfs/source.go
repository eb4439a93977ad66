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
	Name   string
	Active bool   // it is ioc's
	Root   string // its file system for ioc: NAME/ioc, or NAME/iocage of libioc; empty: it has none
}

// Pools asks once.
func Pools(ctx context.Context) ([]Pool, error) {
	out, err := ask(ctx, "list", "-H", "-d", "1", "-t", "filesystem", "-o", "name,"+propActive)
	if err != nil {
		return nil, fault.New("pools", fault.Unknown, "", err)
	}
	var all []Pool
	for line := range strings.Lines(out) {
		name, active, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		pool, sub, isBelow := strings.Cut(name, "/")
		if !isBelow {
			all = append(all, Pool{Name: pool, Active: active == "yes"})
			continue
		}
		if p := &all[len(all)-1]; p.Name == pool && (sub == "ioc" || sub == "iocage" && p.Root == "") {
			p.Root = name
		}
	}
	return all, nil
}

// Exists reports whether there is a file system of that name, mounted or not.
func Exists(ctx context.Context, name string) bool {
	rs, err := get(ctx, 0, name)
	return err == nil && len(rs) > 0
}
