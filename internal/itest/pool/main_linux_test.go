package pool

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/release"
)

// TestMain is also the processes that are killed.
func TestMain(m *testing.M) {
	if order, child := os.LookupEnv(upgradeEnv); child {
		os.Exit(upgradeChild(order))
	}
	eventstest.Child(scenarios()...)
	scratch.Enter()
	os.Exit(m.Run())
}

// open opens the host whose root is mounted at dir.
func open(dir string) (*ioc.Host, error) {
	return ioc.Open(context.Background(), ioc.Options{Root: dir})
}

const base = "small"

// fetch makes a release of two files.
func fetch(h *ioc.Host) error {
	op, err := fetching(h, base)
	if err == nil {
		_, err = op.Do(context.Background())
	}
	return err
}

// fetching is the operation that makes a release of two files, called name.
func fetching(h *ioc.Host, name string) (op events.Op[release.Info], err error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var all []error
	for _, f := range []struct{ name, content string }{{"etc/", ""}, {"etc/motd", "welcome\n"}, {"etc/passwd", "root:x:0:0::/:/bin/sh\n"}} {
		head := tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if f.content == "" {
			head.Typeflag = tar.TypeDir
		}
		all = append(all, w.WriteHeader(&head))
		_, err := w.Write([]byte(f.content))
		all = append(all, err)
	}
	if err := errors.Join(append(all, w.Close())...); err != nil {
		return op, err
	}
	return h.Fetch(ioc.FetchOptions{Name: name, Source: release.Reader("archive", bytes.NewReader(b.Bytes()))}), nil
}

// motd is a file of a jail.
func motd(h *ioc.Host, jail string) string {
	return filepath.Join(h.Root(), "jails", jail, "root", "etc", "motd")
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
