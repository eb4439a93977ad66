package release

import (
	"context"
	"strconv"
	"strings"

	"github.com/libioc/ioc/storage"
)

// Patch splits "NAME-p2" into NAME and 2. A name without a patch level has level 0, and may say so: "NAME-p0".
func Patch(n Name) (base Name, level int) {
	if i := strings.LastIndex(string(n), "-p"); i > 0 {
		if level, err := strconv.Atoi(string(n[i+2:])); err == nil && level >= 0 && string(n[i+2:]) == strconv.Itoa(level) {
			return n[:i], level
		}
	}
	return n, 0
}

// At is the name of a patch level of the release base.
func At(base Name, level int) Name {
	if level == 0 {
		return base
	}
	return base + "-p" + Name(strconv.Itoa(level))
}

// Newest is the last patch level of n that is there. If n names a level itself, or nothing of it is there, it is
// that one: "NAME-p0" is NAME, whatever else there is.
func Newest(ctx context.Context, d storage.Driver, n Name) (Name, error) {
	base, level := Patch(n)
	if base != n {
		if _, err := d.Stat(ctx, storage.Release(n)); err == nil {
			return n, nil
		}
		return At(base, level), nil
	}
	all, err := usable(ctx, d)
	if err != nil {
		return n, err
	}
	last := 0
	for _, name := range all {
		if b, level := Patch(name); b == base && level > last {
			last = level
		}
	}
	return At(base, last), nil
}

// usable are the releases that jails can be made from.
func usable(ctx context.Context, d storage.Driver) ([]Name, error) {
	var names []Name
	if g, ok := d.(storage.Glancer); ok {
		seen, err := g.Glance(ctx, storage.Releases)
		for _, set := range seen {
			names = append(names, set.Name)
		}
		return names, err
	}
	sets, err := d.List(ctx, storage.Releases)
	for _, set := range sets {
		if set.Broken == nil {
			names = append(names, set.Dataset.Name)
		}
	}
	return names, err
}

// Satisfies reports whether a jail on the release is is on the one that was asked for: on it, or on any of its patch
// levels if none was named.
func Satisfies(is, asked Name) bool {
	base, level := Patch(asked)
	if is == asked || base != asked && is == At(base, level) {
		return true
	}
	on, _ := Patch(is)
	return base == asked && on == asked
}
