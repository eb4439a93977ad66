package sandbox

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/libioc/ioc/fault"
)

// maxID leaves room for what drivers add to an ID within a file name.
const maxID = 100

// Validate reports what makes no sense in s, whatever the host. The error is fault.Invalid.
func (s *Spec) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }

	if !validID(s.ID) {
		bad("id %q: not letters, digits, '.', '_', '-'", s.ID)
	}
	if len(s.Hostname) > 64 || strings.ContainsAny(s.Hostname, "\x00\n/ ") {
		bad("hostname %q: not a host name", s.Hostname)
	}
	all = append(all, s.Root.check()...)
	for i := range s.Mounts {
		all = append(all, s.Mounts[i].check()...)
	}
	if s.Process != nil {
		all = append(all, s.Process.check()...)
		if s.Process.Terminal != nil || s.Process.Controlling {
			bad("process: the first one has no terminal")
		}
	}
	if s.Network != NetworkNone && s.Network != NetworkHost {
		bad("network %q: unknown", s.Network)
	}
	if r := s.Resources; min(r.Memory, r.PIDs, r.MilliCPU, r.Swap, r.ReadBPS, r.WriteBPS, r.ReadIOPS, r.WriteIOPS,
		r.Queues, r.QueueBytes, r.Semaphores, r.SemaphoreOps, r.SharedSegments, r.SharedBytes, r.Terminals) < 0 {
		bad("resources: negative limit")
	}
	for _, p := range append(append([]string(nil), s.MaskedPaths...), s.ReadOnlyPaths...) {
		if !clean(p) {
			bad("path %q: not absolute and clean", p)
		}
	}
	if s.Console != "" && !clean(s.Console) {
		bad("console %q: not absolute and clean", s.Console)
	}
	if err := errors.Join(all...); err != nil {
		return fault.New("", fault.Invalid, "sandbox "+s.ID, err)
	}
	return nil
}

// Validate reports what makes no sense in p. The error is fault.Invalid.
func (p *Process) Validate() error {
	if err := errors.Join(p.check()...); err != nil {
		return fault.New("", fault.Invalid, "process", err)
	}
	return nil
}

// Validate reports what makes no sense in m. The error is fault.Invalid.
func (m *Mount) Validate() error {
	if err := errors.Join(m.check()...); err != nil {
		return fault.New("", fault.Invalid, "", err)
	}
	return nil
}

func (r *Root) check() []error {
	switch {
	case (r.Dir == "") == (r.Overlay == nil):
		return []error{errors.New("root: want either a directory or layers")}
	case r.Overlay == nil:
		if !clean(r.Dir) {
			return []error{fmt.Errorf("root %q: not absolute and clean", r.Dir)}
		}
		return nil
	}
	o := r.Overlay
	if len(o.Lowers) == 0 {
		return []error{errors.New("root: no lower layer")}
	}
	if (o.Upper == "") != (o.Work == "") {
		return []error{errors.New("root: upper and work go together")}
	}
	var all []error
	for _, p := range append([]string{o.Upper, o.Work}, o.Lowers...) {
		if p != "" && !clean(p) {
			all = append(all, fmt.Errorf("layer %q: not absolute and clean", p))
		}
	}
	return all
}

func (m *Mount) check() []error {
	var all []error
	if m.Type == "" {
		all = append(all, fmt.Errorf("mount %s: no type", m.Target))
	}
	if !clean(m.Target) || m.Target == "/" {
		all = append(all, fmt.Errorf("mount target %q: not absolute and clean below /", m.Target))
	}
	if m.Type == "bind" && !clean(m.Source) {
		all = append(all, fmt.Errorf("mount %s: source %q: not absolute and clean", m.Target, m.Source))
	}
	if m.Within != "" && (!clean(m.Within) || !strings.HasPrefix(m.Source, strings.TrimSuffix(m.Within, "/")+"/")) {
		all = append(all, fmt.Errorf("mount %s: source %q: not in %q", m.Target, m.Source, m.Within))
	}
	return all
}

func (p *Process) check() []error {
	var all []error
	if len(p.Args) == 0 || p.Args[0] == "" {
		all = append(all, errors.New("process: no program"))
	}
	for _, s := range append(append([]string{p.Dir, p.User.Name}, p.Args...), p.Env...) {
		if strings.IndexByte(s, 0) >= 0 {
			all = append(all, fmt.Errorf("process: zero byte in %q", s))
		}
	}
	for _, e := range p.Env {
		if strings.IndexByte(e, '=') <= 0 {
			all = append(all, fmt.Errorf("process: environment %q: want NAME=value", e))
		}
	}
	if p.Dir != "" && !path.IsAbs(p.Dir) {
		all = append(all, fmt.Errorf("process: directory %q: not absolute", p.Dir))
	}
	if p.Terminal != nil && p.Controlling {
		all = append(all, errors.New("process: two controlling terminals"))
	}
	return all
}

func clean(p string) bool { return path.IsAbs(p) && path.Clean(p) == p && strings.IndexByte(p, 0) < 0 }

func validID(id string) bool {
	if id == "" || len(id) > maxID || id[0] == '.' || id[0] == '-' {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
