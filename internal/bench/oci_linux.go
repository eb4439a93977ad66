package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// capabilities are those that docker, podman and ioc leave to a jail.
var capabilities = strings.Fields(`CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD CAP_NET_BIND_SERVICE
	CAP_NET_RAW CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT`) //nolint:gochecknoglobals // constant

// crun refuses hosts where cgroup2 has some of the controllers and the first version has others. So the
// first version gets what is left, until the bench is over, in the bench's own mount namespace.
func (l *lab) crun(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "crun")
	if err != nil {
		return nil, err
	}
	back, how, err := takeControllers(l.group + "-keep")
	if err != nil {
		return nil, err
	}
	if how != "" {
		l.skip("crun on this host's cgroups as they are", how)
	}
	l.later(func() error { // as long as a cgroup is in it, a controller is not given back
		return errors.Join(sweepGroups(l.group, l.groups), back())
	})
	return l.oci(ctx, "crun", version)
}

func (l *lab) runc(ctx context.Context) (*contender, error) {
	version, err := l.found(ctx, "runc")
	if err != nil {
		return nil, err
	}
	return l.oci(ctx, "runc", version)
}

// oci is a runtime that takes a bundle.
func (l *lab) oci(ctx context.Context, program, version string) (*contender, error) {
	state := l.path(program, "state")
	short, long := l.path(program, "true"), l.path(program, "idle")
	filter, err := l.bundle(ctx, program, short, "/bin/true")
	if err == nil {
		_, err = l.bundle(ctx, program, long, "/bin/sleep", "1000")
	}
	if err != nil {
		return nil, err
	}
	do := func(ctx context.Context, args ...string) error {
		return l.do(ctx, append([]string{program, "--root", state}, args...)...)
	}
	kill := func(ctx context.Context, id string) error {
		return errors.Join(do(ctx, "kill", id, "KILL"), do(ctx, "delete", "--force", id))
	}
	c := &contender{
		name: program, version: version, runs: program + " run, " + filter,
		run:    func(ctx context.Context, id string) error { return do(ctx, "run", "--bundle", short, id) },
		cycles: "create, start, kill, delete: 4 commands",
		cycle: func(ctx context.Context, id string) error {
			if err := do(ctx, "create", "--bundle", long, id); err != nil {
				return err
			}
			return errors.Join(do(ctx, "start", id), kill(ctx, id))
		},
		joins: program + " exec",
		begin: func(ctx context.Context) error {
			return errors.Join(do(ctx, "create", "--bundle", long, l.joined()), do(ctx, "start", l.joined()))
		},
		end:  func(ctx context.Context) error { return kill(ctx, l.joined()) },
		join: func(ctx context.Context) error { return do(ctx, "exec", l.joined(), "/bin/true") },
	}
	return c, nil
}

// bundle writes a config.json: the program's own default, with our root, command, capabilities and
// filter. It says which filter that is.
func (l *lab) bundle(ctx context.Context, program, dir string, args ...string) (filter string, err error) {
	file := filepath.Join(dir, "config.json")
	if err := l.do(ctx, program, "spec", "--bundle", dir); err != nil {
		return "", err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var config struct {
		OCIVersion string           `json:"ociVersion"`
		Process    map[string]any   `json:"process"`
		Root       map[string]any   `json:"root"`
		Hostname   string           `json:"hostname"`
		Mounts     []map[string]any `json:"mounts"`
		Linux      map[string]any   `json:"linux"`
	}
	if err := json.Unmarshal(b, &config); err != nil {
		return "", err
	}
	p := config.Process
	p["terminal"], p["args"], p["noNewPrivileges"] = false, args, true
	p["capabilities"] = map[string]any{"bounding": capabilities, "effective": capabilities, "permitted": capabilities}
	delete(p, "rlimits") // ours are the host's, too
	config.Root = map[string]any{"path": l.root, "readonly": true}
	delete(config.Linux, "cgroupsPath") // each gets its own
	profile, err := seccompProfile()
	filter = "with podman's filter"
	if err != nil {
		l.skip("a system call filter for "+program, err)
		filter = "no filter"
	} else {
		config.Linux["seccomp"] = profile
	}
	if b, err = json.MarshalIndent(config, "", "\t"); err != nil {
		return "", err
	}
	return filter, os.WriteFile(file, b, 0o600)
}

// seccompProfile translates the profile that comes with podman into what a runtime takes, for the
// capabilities above, as podman does.
func seccompProfile() (map[string]any, error) {
	b, err := os.ReadFile("/usr/share/containers/seccomp.json")
	if err != nil {
		return nil, err
	}
	type condition struct {
		Caps      []string `json:"caps"`
		Arches    []string `json:"arches"`
		MinKernel string   `json:"minKernel"`
	}
	var in struct {
		DefaultAction   string `json:"defaultAction"`
		DefaultErrnoRet *uint  `json:"defaultErrnoRet"`
		Syscalls        []struct {
			Names    []string  `json:"names"`
			Action   string    `json:"action"`
			Args     any       `json:"args"`
			ErrnoRet *uint     `json:"errnoRet"`
			Includes condition `json:"includes"`
			Excludes condition `json:"excludes"`
		} `json:"syscalls"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	has := func(c string) bool { return slices.Contains(capabilities, c) }
	here := func(a string) bool { return a == "amd64" }
	var calls []map[string]any
	for _, s := range in.Syscalls {
		lacks := slices.ContainsFunc(s.Includes.Caps, func(c string) bool { return !has(c) })
		elsewhere := len(s.Includes.Arches) > 0 && !slices.ContainsFunc(s.Includes.Arches, here)
		if lacks || elsewhere || slices.ContainsFunc(s.Excludes.Caps, has) || slices.ContainsFunc(s.Excludes.Arches, here) {
			continue
		}
		call := map[string]any{"names": s.Names, "action": s.Action}
		if s.Args != nil {
			call["args"] = s.Args
		}
		if s.ErrnoRet != nil {
			call["errnoRet"] = *s.ErrnoRet
		}
		calls = append(calls, call)
	}
	out := map[string]any{
		"defaultAction": in.DefaultAction, "architectures": []string{"SCMP_ARCH_X86_64"}, "syscalls": calls,
	}
	if in.DefaultErrnoRet != nil {
		out["defaultErrnoRet"] = *in.DefaultErrnoRet
	}
	return out, nil
}

// returned waits until cgroup2 has its controllers again. A hierarchy ends with its last mount, but only if
// all cgroups in it have gone, and one that was removed takes a moment: so it is mounted and unmounted until then.
func returned(file string, names []string) error {
	for range 200 {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		there, missing := strings.Fields(string(b)), false
		for _, name := range names {
			if slices.Contains(there, name) {
				continue
			}
			missing = true
			dir := filepath.Join(groupRoot, name)
			if os.Mkdir(dir, 0o755) == nil {
				if unix.Mount(name, dir, "cgroup", 0, name) == nil {
					err = unix.Unmount(dir, 0)
				}
				if err = errors.Join(err, os.Remove(dir)); err != nil {
					return err
				}
			}
		}
		if !missing {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("controllers %s are not in cgroup2 again", strings.Join(names, " "))
}

// takeControllers mounts what cgroup2 has beside hierarchies of the first version as such ones, and says
// how that is undone. Keep is the name of a cgroup that holds them. Where there is only one version it does nothing.
func takeControllers(keep string) (back func() error, how string, err error) {
	nothing := func() error { return nil }
	const unified = groupRoot + "/unified"
	b, err := os.ReadFile(unified + "/cgroup.controllers")
	if errors.Is(err, os.ErrNotExist) {
		return nothing, "", nil
	}
	if err != nil {
		return nothing, "", err
	}
	names := strings.Fields(string(b))
	var taken []string
	back = func() error {
		var all []error
		for _, dir := range taken {
			if err := os.Remove(filepath.Join(dir, keep)); !errors.Is(err, os.ErrNotExist) {
				all = append(all, err)
			}
			all = append(all, unix.Unmount(dir, 0), os.Remove(dir))
		}
		taken = nil
		return errors.Join(append(all, returned(unified+"/cgroup.controllers", names))...)
	}
	for _, name := range names {
		dir := filepath.Join(groupRoot, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			if err = unix.Mount(name, dir, "cgroup", 0, name); err != nil {
				err = errors.Join(fmt.Errorf("mount the %s controller: %w", name, err), os.Remove(dir))
			}
		}
		if err != nil {
			return nothing, "", errors.Join(err, back())
		}
		taken = append(taken, dir)
		// A hierarchy without children ends with any of its mounts, also one that another program makes in a
		// cgroup namespace.
		if err := os.Mkdir(filepath.Join(dir, keep), 0o755); err != nil {
			return nothing, "", errors.Join(err, back())
		}
	}
	if len(names) == 0 {
		return nothing, "", nil
	}
	return back, "it refuses cgroup2 with controllers beside the first version; " + strings.Join(names, " ") +
		" was mounted as the first version's meanwhile, where only this run sees it", nil
}
