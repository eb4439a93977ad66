package itest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mounts are those of this mount namespace below the root. There must never be one.
func (w *world) mounts() error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, w.root) {
			w.add("host %s", mount(line))
		}
	}
	return nil
}

// mount is a line of mountinfo without its numbers.
func mount(line string) string {
	f := strings.Fields(line)
	if len(f) < 7 {
		return "mount " + line
	}
	for i, word := range f {
		if name, _, ok := strings.Cut(word, ":"); ok && (name == "shared" || name == "master") {
			f[i] = name
		}
	}
	return "mount " + strings.Join(f[3:], " ")
}

// processes are those of the root's jails, with their namespaces, mounts and open files.
func (w *world) processes() error {
	all, err := processesOf(w.root, w.id)
	if err != nil {
		return err
	}
	var blocks []string
	for _, p := range all {
		spaces, err := p.namespaces()
		if err != nil {
			spaces = err.Error()
		}
		if p.ended() {
			p.close()
			continue
		}
		p.close()
		var b strings.Builder
		fmt.Fprintf(&b, "process %q by its %s", p.args, p.why)
		if p.why == "files" {
			fmt.Fprintf(&b, ": %q", p.files)
		} else {
			fmt.Fprintf(&b, "\n  namespaces %s\n  open %s", spaces, strings.Join(p.files, ", "))
			for line := range strings.Lines(p.mounts) {
				b.WriteString("\n  " + mount(line))
			}
		}
		blocks = append(blocks, w.plain(b.String()))
	}
	slices.Sort(blocks)
	w.lines = append(w.lines, blocks...)
	return nil
}

// groups are the control groups with how many are in them.
func (w *world) groups() error {
	for _, dir := range groupsOf(w.id) {
		members, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return err
		}
		n := len(strings.Fields(string(members)))
		limits := ""
		for _, file := range []string{"memory.limit_in_bytes", "memory.max", "pids.max", "cpu.cfs_quota_us", "cpu.max"} {
			if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				limits += " " + file + "=" + strings.TrimSpace(string(text))
			}
		}
		w.add("group %s: %d processes%s", dir, n, limits)
	}
	return nil
}
