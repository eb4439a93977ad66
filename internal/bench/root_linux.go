package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// release is what the root file system is called in ioc's root.
const release = "bench"

// makeRoot gets the root file system that all share: the given one, else a minimal Debian or Ubuntu, else the one
// that ioc brings along.
func (l *lab) makeRoot(ctx context.Context, given string) error {
	switch archive, what, err := l.debian(ctx, given); {
	case err == nil:
		l.archive, l.rootIs = archive, what
	case given != "":
		return err
	default:
		l.skip("a Debian root file system", err)
	}
	l.root = l.path("root")
	if l.archive == "" {
		if err := l.iocDo(ctx, "fetch"); err != nil {
			return err
		}
		found, err := filepath.Glob(filepath.Join(l.iocRoot(), "releases", "*", "root"))
		if err != nil || len(found) != 1 {
			return errors.Join(err, fmt.Errorf("%d releases after the fetch of one", len(found)))
		}
		l.rootIs = "the release that is embedded in ioc"
		return l.do(ctx, "cp", "-a", found[0]+"/.", l.root)
	}
	if err := l.do(ctx, "tar", "-xf", l.archive, "-C", l.root); err != nil {
		return err
	}
	return l.iocDo(ctx, "fetch", "--from-tar", l.archive, release)
}

// suite is the host's own, for which it has the keys.
func suite() string {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "stable"
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "stable"
}

// debian gives an archive of a Debian root and says how it was made.
func (l *lab) debian(ctx context.Context, given string) (archive, what string, err error) {
	if given != "" {
		archive, err = filepath.Abs(given)
		return archive, given, err
	}
	archive = filepath.Join(l.dir, "root.tar")
	suite := suite()
	if _, err := l.found(ctx, "mmdebstrap"); err == nil {
		err := l.do(ctx, "mmdebstrap", "--quiet", "--variant=minbase", suite, archive)
		return archive, suite + ", minbase, by mmdebstrap", err
	}
	if _, err := l.found(ctx, "debootstrap"); err == nil {
		dir := l.path("debootstrap")
		err := l.do(ctx, "debootstrap", "--variant=minbase", suite, dir)
		if err == nil {
			err = l.do(ctx, "tar", "-cf", archive, "-C", dir, ".")
		}
		return archive, suite + ", minbase, by debootstrap", errors.Join(err, os.RemoveAll(dir))
	}
	return "", "", errors.New("neither mmdebstrap nor debootstrap is installed")
}
