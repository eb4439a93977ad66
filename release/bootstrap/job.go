package bootstrap

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/run"
	"github.com/libioc/ioc/release"
)

// job is one making of a system.
type job struct {
	*source
	tool    tool
	host    host
	arch    string
	shelf   string // where packages are kept
	dir     string
	mirrors []string // lines of sources.list
}

// command is the one that makes it. It is in namespaces of its own: what it mounts goes when it goes, and
// none of its children outlives it.
func (j *job) command() *run.Cmd {
	var argv []string
	if j.tool.unshare != "" {
		argv = []string{j.tool.unshare, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--"}
	}
	if j.tool.name == "mmdebstrap" {
		argv = append(argv, j.mmdebstrap()...)
	} else {
		argv = append(argv, j.debootstrap()...)
	}
	c := run.Command(argv...)
	c.Leash = true
	// The disk is made to hold it when the release is complete: every file on its own would take as long again.
	c.Env = append(j.host.proxies(), "DPKG_FORCE=unsafe-io", "DEBIAN_FRONTEND=noninteractive", "TMPDIR="+j.shelf)
	return c
}

func (j *job) mmdebstrap() []string {
	// To Ubuntu, apt is important only; debootstrap brings it anyway.
	argv := []string{j.tool.path, "--verbose", "--variant=minbase", "--include=apt", "--architectures=" + j.arch}
	for _, a := range j.host.acquire {
		argv = append(argv, "--aptopt="+a[0]+` "`+a[1]+`"`)
	}
	argv = append(argv, merged("/usr/share/mmdebstrap/hooks/merged-usr/")...)
	to := "-"
	if j.tool.archive {
		argv = append(argv, "--format=tar")
	} else {
		// Packages are downloaded to where they are kept. The mount is seen by nobody else.
		to = j.dir
		argv = append(argv, "--format=directory")
		if j.tool.unshare != "" {
			argv = append(argv, "--skip=download/empty,essential/unlink,cleanup/apt/cache",
				`--setup-hook=mkdir -p "$1/var/cache/apt/archives" && mount --bind `+quote(j.shelf)+` "$1/var/cache/apt/archives" && mkdir -p "$1/var/cache/apt/archives/partial"`,
				`--customize-hook=umount "$1/var/cache/apt/archives"`)
		}
	}
	return append(append(argv, j.suite, to), j.mirrors...)
}

// merged are the hooks that give a system one /usr, if its distribution has a package for that, as Debian and Ubuntu
// had for some releases. mmdebstrap's own, maybe-merged-usr, take a name that is only provided by another package, as since
// Ubuntu 24.04, for one, and fail.
func merged(hooks string) []string {
	if !isDir(hooks) {
		return nil
	}
	const apt = `env --chdir="$1" APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" `
	return []string{
		"--setup-hook=" + apt + "apt-get update --error-on=any || exit 1; " +
			"if " + apt + "apt-cache show --no-all-versions usr-is-merged 2>/dev/null | grep -q '^Package: usr-is-merged$'; then " + hooks + `setup00.sh "$1"; fi`,
		`--essential-hook=if dpkg-query --root="$1" -f '${db:Status-Status} ${Source}' --show usr-is-merged 2>/dev/null | grep -q '^installed mmdebstrap-dummy'; then ` +
			hooks + `essential00.sh "$1"; fi`,
	}
}

// debootstrap has one mirror and one keyring; the release gets all of them.
func (j *job) debootstrap() []string {
	argv := []string{j.tool.path, "--variant=minbase", "--arch=" + j.arch, "--cache-dir=" + j.shelf}
	fields := strings.Fields(j.mirrors[0])[1:]
	if fields[0][0] == '[' {
		options, rest, _ := strings.Cut(strings.Join(fields, " "), "] ")
		if _, key, ok := strings.Cut(options, "signed-by="); ok {
			key, _, _ = strings.Cut(key, " ")
			argv = append(argv, "--keyring="+key)
		}
		if strings.Contains(options, "trusted=yes") {
			argv = append(argv, "--no-check-gpg")
		} else {
			argv = append(argv, "--force-check-gpg")
		}
		fields = strings.Fields(rest)
	}
	argv = append(argv, "--components="+strings.Join(fields[2:], ","), j.suite, j.dir, fields[0])
	if scripts := "/usr/share/debootstrap/scripts/"; isDir(scripts) && !exists(scripts+j.suite) {
		argv = append(argv, scripts+j.script)
	}
	return argv
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// finish takes out what was the host's own and what nobody needs, and leaves the sources.
func (j *job) finish() error {
	root, err := os.OpenRoot(j.dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // what was written was closed
	var failed []error
	remove := func(pattern string) {
		all, err := fs.Glob(root.FS(), pattern)
		failed = append(failed, err)
		for _, name := range all {
			failed = append(failed, root.RemoveAll(name))
		}
	}
	for _, pattern := range []string{
		"etc/hostname", "etc/resolv.conf", "etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "debootstrap",
		"var/log/bootstrap.log", "var/cache/apt/archives/*", "var/lib/apt/lists/*",
	} {
		remove(pattern)
	}
	failed = append(failed, root.MkdirAll("var/cache/apt/archives/partial", 0o755), root.MkdirAll("var/lib/apt/lists/partial", 0o755))
	failed = append(failed, root.MkdirAll("etc/apt/apt.conf.d", 0o755), root.WriteFile("etc/apt/sources.list", []byte(strings.Join(j.mirrors, "\n")+"\n"), 0o644))
	var settings strings.Builder
	for _, a := range j.host.acquire {
		if !strings.HasSuffix(a[0], "Auto-Detect") { // a program of the host
			settings.WriteString(a[0] + ` "` + a[1] + "\";\n")
		}
	}
	if settings.Len() > 0 {
		failed = append(failed, root.WriteFile("etc/apt/apt.conf.d/10mirror", []byte(settings.String()), 0o644))
	}
	return errors.Join(append(failed, j.keyrings(root))...)
}

// keyrings brings those that the sources name and no package has brought.
func (j *job) keyrings(root *os.Root) error {
	for _, line := range j.mirrors {
		_, name, ok := strings.Cut(line, "signed-by=/")
		if !ok {
			continue
		}
		name = name[:strings.IndexAny(name, " ]")]
		if _, err := root.Stat(name); err == nil {
			continue
		}
		text, err := os.ReadFile("/" + name)
		if err == nil {
			err = root.MkdirAll(filepath.Dir(name), 0o755)
		}
		if err == nil {
			err = root.WriteFile(name, text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stream unpacks the archive that the command writes.
func (j *job) stream(s events.Step, t release.Target) (got release.Written, err error) {
	r, w := io.Pipe()
	type result struct {
		release.Written
		error
	}
	unpacked := make(chan result, 1)
	ctx := s.Context()
	go func() {
		t.Progress = func(int64, int64) error { return context.Cause(ctx) }
		got, err := release.Reader(j.String(), r).Write(ctx, t)
		_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // always nil; a command that still writes must not wait
		unpacked <- result{got, err}
	}()
	err = j.follow(s, w)
	_ = w.CloseWithError(err) // always nil
	done := <-unpacked
	if err == nil || errors.Is(err, done.error) {
		err = done.error
	}
	return done.Written, err
}

// slot is the lock of the journal's slot, for the command to inherit: nobody takes back what it still
// works on.
func slot(ctx context.Context) []*os.File {
	if log, ok := events.LogOf(ctx).(interface{ LockFile() *os.File }); ok {
		return slices.DeleteFunc([]*os.File{log.LockFile()}, func(f *os.File) bool { return f == nil })
	}
	return nil
}
