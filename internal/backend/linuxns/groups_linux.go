package linuxns

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// groups is where this process may make cgroups. Hosts have the one hierarchy of cgroup2, or one per
// controller of the first version, or both; then the second has what the first does not.
type groups struct {
	unified hierarchy            // base empty: none that one may use
	legacy  map[string]hierarchy // by controller
	missing string               // why there is no unified one
	disks   []string             // numbers of the disks whose use can be limited
}

// hierarchy is a mounted one.
type hierarchy struct {
	base        string   // the directory below which ioc makes its own
	controllers []string // of cgroup2: those that base could pass on
}

// mountEntry is a line of mountinfo.
type mountEntry struct {
	root, point, kind, super string
}

// readMounts lists the mounts that this process sees, of the wanted types.
func readMounts(kinds ...string) []mountEntry {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []mountEntry
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		b, a := strings.Fields(before), strings.Fields(after)
		if !ok || len(b) < 5 || len(a) < 3 || !slices.Contains(kinds, a[0]) {
			continue
		}
		all = append(all, mountEntry{root: b[3], point: unescape(b[4]), kind: a[0], super: a[2]})
	}
	return all
}

// unescape undoes the kernel's octal escapes for white space and backslashes.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// ownGroups gives the cgroups that this process is in, by controller; "" is cgroup2.
func ownGroups() map[string]string {
	own := map[string]string{}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return own
	}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// findGroups looks for places. A privileged caller's is the top of a hierarchy: a jail outlives the login
// or service that started it, and that one's cgroup. Others have what was delegated to them: the
// highest directory above their own that they may write, because moving a process needs the right to write
// the directory that both places are below.
func findGroups(privileged bool) groups {
	g := groups{legacy: map[string]hierarchy{}, missing: "no cgroup2 mount", disks: findDisks()}
	own := ownGroups()
	for _, m := range readMounts("cgroup", "cgroup2") {
		if m.kind == "cgroup2" {
			if g.unified.base != "" {
				continue
			}
			base := delegated(m, own[""], privileged)
			if base == "" {
				g.missing = "cgroup2 is not delegated to this user"
				continue
			}
			g.unified = hierarchy{base, words(filepath.Join(base, "cgroup.controllers"))}
			continue
		}
		for c := range strings.SplitSeq(m.super, ",") {
			name, used := legacyControllers()[c]
			if !used {
				continue
			}
			if base := delegated(m, own[c], privileged); base != "" {
				g.legacy[name] = hierarchy{base: base}
			}
		}
	}
	return g
}

// delegated is the directory of a mount that ioc may work below, or "".
func delegated(m mountEntry, own string, privileged bool) string {
	if privileged {
		if writable(m.point) {
			return m.point
		}
		return ""
	}
	rel, err := filepath.Rel(m.root, own)
	if err != nil || strings.HasPrefix(rel, "..") {
		return ""
	}
	best := ""
	for dir := filepath.Join(m.point, rel); ; dir = filepath.Dir(dir) {
		if !writable(dir) || !writable(filepath.Join(dir, "cgroup.procs")) {
			return best
		}
		best = dir
		if dir == m.point {
			return best
		}
	}
}

func writable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
}

func words(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}

// controller says whether limits of a controller can be kept, by which version, or why not.
func (g *groups) controller(name string) (version int, why string) {
	if _, ok := g.legacy[name]; ok {
		return 1, ""
	}
	switch {
	case g.unified.base == "":
		return 0, g.missing
	case !slices.Contains(g.unified.controllers, name):
		return 0, "the " + name + " controller is not available in " + g.unified.base
	case slices.Contains(words(filepath.Join(g.unified.base, "cgroup.subtree_control")), name):
		return 2, ""
	case !writable(filepath.Join(g.unified.base, "cgroup.subtree_control")):
		return 0, "the " + name + " controller is not delegated below " + g.unified.base
	}
	return 2, ""
}

// plan says which directories a jail gets, and what is written into them. Without limits that is one of
// cgroup2, which is there to find and kill the jail's processes, also where cgroup2 has no
// controllers; moving a process within the first version's hierarchies stops the machine for
// milliseconds, so that those are used only for limits. Nil: none can be had and none is needed.
func (g *groups) plan(parent, name string, want sandbox.Resources) (*Cgroup, error) {
	c := &Cgroup{Parent: parent, Name: name}
	if g.unified.base != "" {
		c.Unified = filepath.Join(g.unified.base, parent, name)
	}
	if err := errors.Join(g.check(want), checkIPC(want)); err != nil {
		return nil, err
	}
	for _, k := range g.knobs(want) {
		if !k.set {
			continue
		}
		version, why := g.can(k.name)
		switch version {
		case 1:
			dir := filepath.Join(g.legacy[k.controller].base, parent, name)
			if !slices.Contains(c.Legacy, dir) {
				c.Legacy = append(c.Legacy, dir)
			}
			c.limit(dir, k.legacy)
		case 2:
			if !slices.Contains(c.Controllers, k.controller) {
				c.Controllers = append(c.Controllers, k.controller)
			}
			c.limit(c.Unified, k.unified)
		default:
			return nil, fault.Unsupported(k.name+" limit", why)
		}
	}
	if c.Unified == "" && len(c.Legacy) == 0 {
		return nil, nil
	}
	if parent == "" {
		return nil, fmt.Errorf("linuxns: no name for the cgroup directory")
	}
	return c, nil
}
