package main

import "context"

// forkExec is what starting a process takes without any isolation: the floor of all others.
func (l *lab) forkExec(context.Context) (*contender, error) {
	return &contender{
		name: "fork+exec", runs: "no isolation",
		run: func(ctx context.Context, _ string) error { return l.do(ctx, "/bin/true") },
	}, nil
}

// unshare isolates and hardens nothing else.
func (l *lab) unshare(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "unshare")
	if err != nil {
		return nil, err
	}
	flags := []string{
		"unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "--cgroup", "--mount-proc", "--root", l.root,
	}
	c := &contender{
		name: "unshare", version: version, runs: "namespaces only",
		run:    func(ctx context.Context, _ string) error { return l.do(ctx, append(flags, "/bin/true")...) },
		cycles: "start, kill",
		cycle:  func(ctx context.Context, _ string) error { return l.upAndDown(ctx, false, flags...) },
	}
	return c, nil
}

// bubblewrap has no cgroups and, if not given one, no system call filter.
func (l *lab) bubblewrap(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "bwrap")
	if err != nil {
		return nil, err
	}
	flags := []string{
		"bwrap", "--unshare-all", "--ro-bind", l.root, "/", "--proc", "/proc", "--dev", "/dev", "--new-session", "--die-with-parent",
	}
	c := &contender{
		name: "bwrap", version: version, runs: "no filter, no cgroup",
		run:    func(ctx context.Context, _ string) error { return l.do(ctx, append(flags, "/bin/true")...) },
		cycles: "start, kill",
		cycle:  func(ctx context.Context, _ string) error { return l.upAndDown(ctx, false, flags...) },
	}
	return c, nil
}

func (l *lab) nspawn(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "systemd-nspawn")
	if err != nil {
		return nil, err
	}
	flags := func(id string) []string {
		return []string{
			"systemd-nspawn", "--quiet", "--directory", l.root, "--machine", id, "--register=no", "--keep-unit", "--as-pid2",
			"--private-network", "--read-only", "--console=pipe",
		}
	}
	c := &contender{
		name: "systemd-nspawn", version: version, runs: "--keep-unit --register=no",
		run:    func(ctx context.Context, id string) error { return l.do(ctx, append(flags(id), "/bin/true")...) },
		cycles: "start, terminate",
		cycle:  func(ctx context.Context, id string) error { return l.upAndDown(ctx, true, flags(id)...) },
	}
	return c, nil
}
