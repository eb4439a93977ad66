package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// podman works on the unpacked root, without an image and its storage, which is the least it can do.
func (l *lab) podman(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "podman")
	if err != nil {
		return nil, err
	}
	do := func(ctx context.Context, args ...string) error {
		return l.do(ctx, append([]string{
			"podman", "--root", l.path("podman", "root"), "--runroot", l.path("podman", "run"), "--tmpdir", l.path("podman", "tmp"),
			"--cgroup-manager", "cgroupfs", "--events-backend", "none",
		}, args...)...)
	}
	flags := []string{"--network", "none", "--log-driver", "none", "--cgroup-parent", "/" + l.group, "--read-only"}
	// Its default limits are above those that root has where it lacks CAP_SYS_RESOURCE.
	flags = append(flags, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	with := func(verb string, args ...string) []string {
		return append(append([]string{verb}, flags...), args...)
	}
	rm := func(ctx context.Context, id string) error { return do(ctx, "rm", "--force", "--time", "0", id) }
	c := &contender{
		name: "podman", version: version, runs: "podman run --rm --rootfs",
		run: func(ctx context.Context, id string) error {
			return do(ctx, with("run", "--rm", "--name", id, "--rootfs", l.root, "/bin/true")...)
		},
		cycles: "create, start, stop, rm: 4 commands",
		cycle: func(ctx context.Context, id string) error {
			if err := do(ctx, with("create", "--name", id, "--rootfs", l.root, "/bin/sleep", "1000")...); err != nil {
				return err
			}
			return errors.Join(do(ctx, "start", id), do(ctx, "stop", "--time", "0", id), rm(ctx, id))
		},
		joins: "podman exec",
		begin: func(ctx context.Context) error {
			return do(ctx, with("run", "--detach", "--name", l.joined(), "--rootfs", l.root, "/bin/sleep", "1000")...)
		},
		end:    func(ctx context.Context) error { return rm(ctx, l.joined()) },
		join:   func(ctx context.Context) error { return do(ctx, "exec", l.joined(), "/bin/true") },
		forget: func() error { return do(context.Background(), "system", "reset", "--force") },
	}
	return c, nil
}

// docker imports the root as an image.
func (l *lab) docker(ctx context.Context) (*contender, error) {
	if _, err := l.found(ctx, "docker"); err != nil {
		return nil, err
	}
	version, err := l.output(ctx, "docker", "version", "--format", "docker {{.Server.Version}}")
	if err != nil {
		return nil, errors.New("its engine does not answer")
	}
	archive := l.archive
	if archive == "" {
		archive = filepath.Join(l.dir, "docker.tar")
		if err := l.do(ctx, "tar", "-cf", archive, "-C", l.root, "."); err != nil {
			return nil, err
		}
	}
	image := l.group
	if err := l.do(ctx, "docker", "import", archive, image); err != nil {
		return nil, err
	}
	do := func(ctx context.Context, args ...string) error {
		return l.do(ctx, append([]string{"docker"}, args...)...)
	}
	flags := []string{"--network", "none", "--read-only"}
	with := func(verb string, args ...string) []string {
		return append(append([]string{verb}, flags...), args...)
	}
	rm := func(ctx context.Context, id string) error { return do(ctx, "rm", "--force", id) }
	return &contender{
		name: "docker", version: version, runs: "docker run --rm",
		run: func(ctx context.Context, id string) error {
			return do(ctx, with("run", "--rm", "--name", id, image, "/bin/true")...)
		},
		cycles: "create, start, stop, rm: 4 commands",
		cycle: func(ctx context.Context, id string) error {
			if err := do(ctx, with("create", "--name", id, image, "/bin/sleep", "1000")...); err != nil {
				return err
			}
			return errors.Join(do(ctx, "start", id), do(ctx, "stop", "--time", "0", id), rm(ctx, id))
		},
		joins: "docker exec",
		begin: func(ctx context.Context) error {
			return do(ctx, with("run", "--detach", "--name", l.joined(), image, "/bin/sleep", "1000")...)
		},
		end:    func(ctx context.Context) error { return rm(ctx, l.joined()) },
		join:   func(ctx context.Context) error { return do(ctx, "exec", l.joined(), "/bin/true") },
		forget: func() error { return do(context.Background(), "rmi", image) },
	}, nil
}

// packaged is a file of the distribution's that all its lxc jails include. Its hook after the end of a jail, the
// reboot hook of lxcfs, which the package lxc recommends, is "sleep 0.5".
const packaged = "/usr/share/lxc/config/common.conf.d/00-lxcfs.conf"

// lxc is as its package sets it up.
func (l *lab) lxc(ctx context.Context) (*contender, error) {
	c, err := l.lxcWith(ctx, "lxc", "")
	if _, missing := os.Stat(packaged); c != nil && missing == nil {
		c.runs += ", with the hooks of its packages"
	}
	return c, err
}

// bareLXC is lxc without the hooks that come with other packages, if there are any.
func (l *lab) bareLXC(ctx context.Context) (*contender, error) {
	if _, missing := os.Stat(packaged); missing != nil {
		return nil, errors.New("lxcfs is not installed: lxc is bare as it is")
	}
	return l.lxcWith(ctx, "lxc-bare", "lxc.hook.mount =\nlxc.hook.post-stop =\n")
}

// lxcWith has rootfs.managed off, because its destroy would delete the root that all share. Else it has the
// configuration that its templates include: its filter, mounts and capabilities.
func (l *lab) lxcWith(ctx context.Context, name, more string) (*contender, error) {
	version, err := l.found(ctx, "lxc-execute")
	if err != nil {
		return nil, err
	}
	dir := l.path(name)
	conf := filepath.Join(dir, "conf")
	text := fmt.Sprintf("lxc.include = /usr/share/lxc/config/common.conf\nlxc.rootfs.path = dir:%s\n"+
		"lxc.rootfs.managed = 0\nlxc.net.0.type = empty\nlxc.cgroup.dir = %s\nlxc.init.cmd = /bin/sleep 1000\n%s", l.root, l.group, more)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	do := func(ctx context.Context, program, id string, args ...string) error {
		return l.do(ctx, append([]string{program, "--lxcpath", dir, "--name", id}, args...)...)
	}
	stop := func(ctx context.Context, id string) error {
		return errors.Join(do(ctx, "lxc-stop", id, "--kill"), do(ctx, "lxc-destroy", id))
	}
	start := func(ctx context.Context, id string) error {
		if err := do(ctx, "lxc-create", id, "--config", conf, "--template", "none"); err != nil {
			return err
		}
		return do(ctx, "lxc-start", id, "--daemon")
	}
	c := &contender{
		name: name, version: "lxc " + version, runs: "lxc-execute",
		run: func(ctx context.Context, id string) error {
			return do(ctx, "lxc-execute", id, "--rcfile", conf, "--", "/bin/true")
		},
		cycles: "create, start, stop --kill, destroy: 4 commands",
		cycle: func(ctx context.Context, id string) error {
			return errors.Join(start(ctx, id), stop(ctx, id))
		},
		joins: "lxc-attach",
		begin: func(ctx context.Context) error { return start(ctx, l.joined()) },
		end:   func(ctx context.Context) error { return stop(ctx, l.joined()) },
		join:  func(ctx context.Context) error { return do(ctx, "lxc-attach", l.joined(), "--", "/bin/true") },
	}
	return c, nil
}
