package pool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/libioc/ioc"
)

// image is a root that many tests begin with: made once, kept as a stream, and received for each. That takes two
// commands in the place of two dozen.
type image struct {
	name   string
	fill   func(h *ioc.Host) error
	once   sync.Once
	stream string
	err    error
}

//nolint:gochecknoglobals // they are made once for the process
var (
	// small has one jail, web.
	small = image{name: "small", fill: func(h *ioc.Host) error {
		return errors.Join(fetch(h), h.Jail("web").Create(context.Background(), ioc.CreateOptions{Release: base}))
	}}
	// full has web with two snapshots, and twin, a clone of the first.
	full = image{name: "full", fill: func(h *ioc.Host) error {
		ctx := context.Background()
		if err := fetch(h); err != nil {
			return err
		}
		web := h.Jail("web")
		if err := web.Create(ctx, ioc.CreateOptions{Release: base, Properties: map[string]string{"notes": "first", "quota": "1G", "compression": "on", "zfs.atime": "off"}}); err != nil {
			return err
		}
		for _, n := range []string{"one", "two"} {
			if err := os.WriteFile(motd(h, "web"), []byte(n), 0o644); err != nil {
				return err
			}
			if _, err := web.Snapshot(ctx, n); err != nil {
				return err
			}
		}
		return web.Clone(ctx, "twin", ioc.CloneOptions{Snapshot: "one"})
	}}
)

// put makes a root like the image: the file system called root, whose parent says where it is mounted.
func (m *image) put(root string) error {
	m.once.Do(func() { m.err = m.make() })
	if m.err != nil {
		return m.err
	}
	f, err := os.Open(m.stream)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command("zfs", "receive", root)
	cmd.Stdin = f
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("zfs receive %s: %w: %s", root, err, out)
	}
	return command("destroy", "-r", root+"@image")
}

func (m *image) make() error {
	top, dir := "tank/image-"+m.name, filepath.Join(os.TempDir(), "image-"+m.name)
	if err := errors.Join(command("create", "-o", "canmount=off", "-o", "mountpoint="+dir, top), command("create", top+"/root")); err != nil {
		return err
	}
	h, err := open(filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	m.stream = dir + ".zfs"
	out, err := os.Create(m.stream)
	if err != nil {
		return err
	}
	send := exec.Command("zfs", "send", "-R", top+"/root@image")
	send.Stdout = out
	for _, do := range []func() error{
		func() error { return m.fill(h) },
		func() error { return command("snapshot", "-r", top+"/root@image") },
		send.Run,
		out.Close,
		func() error { return command("destroy", "-R", top) },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("image %s: %w", m.name, err)
		}
	}
	return nil
}
