package itest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/journal"
)

// world is the picture of one root: a line for each thing that is there, the same for equal worlds.
type world struct {
	root, id string
	lines    []string
	names    map[string]string // of random ids, in the order in which they are first met
}

// picture takes the picture of the root at root.
func picture(root string) (string, error) {
	w := &world{root: root, names: map[string]string{}}
	var err error
	if w.root, err = filepath.EvalSymlinks(root); err != nil {
		return "", err
	}
	if w.id, err = rootID(w.root); err != nil {
		return "", err
	}
	for _, part := range []func() error{w.ids, w.jails, w.records, w.locks, w.mounts, w.processes, w.groups, w.network, w.files} {
		if err := part(); err != nil {
			return "", err
		}
	}
	return strings.Join(w.lines, "\n") + "\n", nil
}

func (w *world) add(format string, a ...any) {
	w.lines = append(w.lines, w.plain(fmt.Sprintf(format, a...)))
}

var (
	longID  = regexp.MustCompile(`\b[a-z2-7]{26}\b`)
	token   = regexp.MustCompile(`(ioc-)?(ROOTID-[a-z0-9_-]+)\.[0-9a-f]{8}\b`)
	again   = regexp.MustCompile(`\+[0-9a-f]{8}\b`)
	server  = regexp.MustCompile(`(oci|http)://127\.0\.0\.1:[0-9]+`)
	instant = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`)
)

// plain takes out of a text what differs between equal worlds.
func (w *world) plain(s string) string {
	s = strings.ReplaceAll(s, w.root, "ROOT")
	s = strings.ReplaceAll(s, filepath.Dir(w.root), "CELL")
	s = strings.ReplaceAll(s, ",uuid=on", "") // an overlay's second mount does not say it
	s = strings.ReplaceAll(s, w.id, "ROOTID")
	s = token.ReplaceAllString(s, "$1$2.TOKEN")
	s = again.ReplaceAllString(s, "+TOKEN")
	s = chosenTCP.ReplaceAllString(s, "tcp${1}PORT")
	s = server.ReplaceAllString(s, "$1://SERVER")
	s = instant.ReplaceAllString(s, "TIME")
	return longID.ReplaceAllStringFunc(s, func(id string) string {
		if w.names[id] == "" {
			w.names[id] = fmt.Sprintf("id%d", len(w.names)+1)
		}
		return w.names[id]
	})
}

// ids names what the datasets are made of, in an order that does not depend on it.
func (w *world) ids() error {
	for _, kind := range []string{"releases", "jails"} {
		all, err := filepath.Glob(filepath.Join(w.root, kind, "[a-z0-9]*", "storage.json"))
		if err != nil {
			return err
		}
		for _, file := range all {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			w.plain(string(text))
		}
	}
	return nil
}

// jails is what ioc itself says.
func (w *world) jails() error {
	ctx := context.Background()
	h, err := ioc.Open(ctx, ioc.Options{Root: w.root})
	if err != nil {
		return err
	}
	jails, err := h.Jails(ctx)
	if err != nil {
		return err
	}
	for _, j := range jails {
		w.add("jail %s is %s from %s %s", j.Name, j.State, j.Origin, j.Reason)
		snaps, err := h.Jail(string(j.Name)).Snapshots(ctx)
		if err != nil {
			w.add("jail %s: snapshots: %v", j.Name, err)
		}
		for _, s := range snaps {
			w.add("snapshot %s@%s", j.Name, s.Name)
		}
	}
	releases, err := h.Releases(ctx)
	for _, r := range releases {
		w.add("release %s broken=%v", r.Name, r.Broken)
	}
	return err
}

// records are the effects that running jails retain, what dead operations left and who is at work.
func (w *world) records() error {
	j, err := journal.Open(filepath.Join(w.root, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	for held, err := range j.Held() {
		if err != nil {
			return err
		}
		var names []string
		for _, r := range held.Records {
			names = append(names, r.Name)
		}
		w.add("retained %s: %s releasing=%v corrupt=%v", held.Key, strings.Join(names, " "), held.Releasing, held.Corrupt)
	}
	for dead, err := range j.Pending() {
		if err != nil {
			return err
		}
		w.add("pending %s: %d effects", dead.Root, len(dead.Pending))
	}
	for live, err := range j.Live() {
		if err != nil {
			return err
		}
		w.add("at work %s %s", live.Type, live.Key)
	}
	dirty, err := j.Dirty()
	if dirty {
		w.add("journal is dirty")
	}
	return err
}

// locks are those that somebody holds.
func (w *world) locks() error {
	for _, pattern := range []string{"run/locks/*", "layers", "jails/*", "run/sandbox/*"} {
		all, err := filepath.Glob(filepath.Join(w.root, pattern))
		if err != nil {
			return err
		}
		for _, path := range all {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
				w.add("locked %s", path)
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}
