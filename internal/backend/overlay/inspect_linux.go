package overlay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

var _ doctor.Inspector = (*Driver)(nil)

// Inspect finds layers that no dataset names, datasets that were never given a name, what lies in the trash,
// broken releases, directories that others may enter, and mounts of layers on the host.
func (d *Driver) Inspect(ctx context.Context) ([]doctor.Finding, error) {
	var all []doctor.Finding
	var failed []error
	for _, look := range []func(context.Context) ([]doctor.Finding, error){
		d.l.unusedLayers, d.l.staged, d.l.leftInTrash, d.brokenReleases, d.l.rights, d.l.mounts,
	} {
		found, err := look(ctx)
		all, failed = append(all, found...), append(failed, err)
	}
	for i := range all {
		if all[i].Class == doctor.Debris && isForeign(all[i].Subject) {
			all[i].Mend, all[i].Remedy = nil, "it belongs to another user: look at it, and remove it as root"
		}
	}
	return all, errors.Join(failed...)
}

// isForeign says that an ordinary user cannot move a directory.
func isForeign(dir string) bool {
	var st syscall.Stat_t
	return !privileged() && syscall.Lstat(dir, &st) == nil && int(st.Uid) != os.Geteuid()
}

// unusedLayers are those that neither a jail nor something that may come back names.
func (l layout) unusedLayers(ctx context.Context) ([]doctor.Finding, error) {
	unlock, err := l.lockShared(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	entries, err := os.ReadDir(l.layer(""))
	if err != nil {
		return nil, err
	}
	used, unknown := map[string]bool{}, ""
	err = l.named(func(dir string, s *state) {
		if s == nil {
			unknown = filepath.Base(dir)
			return
		}
		for _, id := range s.layers() {
			used[id] = true
		}
	})
	if err != nil {
		return nil, err
	}
	var found []doctor.Finding
	for _, e := range entries {
		id := e.Name()
		if !validID(id) || used[id] {
			continue
		}
		f := doctor.Finding{
			Kind: "layer.unused", Subject: l.layer(id), Class: doctor.Debris,
			Text:   "a layer that no jail and no snapshot stands on",
			Proof:  "it has a name of this root's layers, and neither a dataset nor the journal names it",
			Remedy: "delete it, and the files that are in it",
			Marks:  []string{id},
			Mend:   events.Change{After: []events.Effect{&Sweep{Root: string(l), Layers: []string{id}}}},
		}
		if unknown != "" {
			f.Mend, f.Remedy = nil, "repair or destroy "+unknown+" first: while it cannot be read nobody knows what it stands on"
		}
		found = append(found, f)
	}
	return found, nil
}

// staged are datasets whose making was never finished.
func (l layout) staged(context.Context) ([]doctor.Finding, error) {
	var found []doctor.Finding
	for _, k := range []storage.Kind{storage.Jails, storage.Releases} {
		entries, err := os.ReadDir(filepath.Join(string(l), k.String()))
		if err != nil {
			return found, err
		}
		for _, e := range entries {
			id, hidden := strings.CutPrefix(e.Name(), ".")
			if !hidden || !validID(id) {
				continue
			}
			found = append(found, doctor.Finding{
				Kind: "dataset.staged", Subject: l.hidden(k, id), Class: doctor.Debris,
				Text:   "half of a dataset, which never got a name",
				Proof:  "it has the name that this root's " + k.String() + " have while they are made, and the journal does not name it",
				Remedy: "delete it",
				Marks:  []string{id},
				Mend:   events.Change{After: []events.Effect{&Clear{Root: string(l), Kind: k, ID: id}}},
			})
		}
	}
	return found, nil
}

// leftInTrash is what was destroyed and is there all the same.
func (l layout) leftInTrash(context.Context) ([]doctor.Finding, error) {
	entries, err := os.ReadDir(l.trash(""))
	var found []doctor.Finding
	for _, e := range entries {
		id := strings.TrimSuffix(e.Name(), dead)
		layer, isLayer := strings.CutPrefix(id, "layer-")
		if isLayer {
			id = layer
		}
		if !validID(id) {
			continue // not ours, or of a probe, which removes it itself
		}
		var mend events.Effect = &Clear{Root: string(l), ID: id}
		if isLayer {
			mend = &Sweep{Root: string(l), Layers: []string{id}}
		}
		found = append(found, doctor.Finding{
			Kind: "trash.left", Subject: l.trash(e.Name()), Class: doctor.Debris,
			Text:   "something that was destroyed, and was not deleted",
			Proof:  "it lies in this root's trash, and the journal does not name it",
			Remedy: "delete it",
			Marks:  []string{id},
			Mend:   events.Change{After: []events.Effect{mend}},
		})
	}
	return found, err
}

// brokenReleases are those that jails cannot be made from. A jail that is broken is the jail's keeper's to tell.
func (d *Driver) brokenReleases(ctx context.Context) ([]doctor.Finding, error) {
	all, err := d.List(ctx, storage.Releases)
	var found []doctor.Finding
	for _, i := range all {
		if i.Broken == nil {
			continue
		}
		name := string(i.Dataset.Name)
		found = append(found, doctor.Finding{
			Kind: "release.broken", Subject: name, Class: doctor.Damage,
			Text: i.Broken.Error(), Proof: "it is a release of this root",
			Remedy: "restore what is missing, or: ioc destroy --release " + name,
		})
	}
	return found, err
}

// rights are those of the directories that nobody else may enter.
func (l layout) rights(context.Context) ([]doctor.Finding, error) {
	var found []doctor.Finding
	var failed []error
	var fs unix.Statfs_t
	if err := unix.Statfs(string(l), &fs); err == nil && fs.Flags&unix.ST_RDONLY != 0 {
		found = append(found, doctor.Finding{
			Kind: "root.read-only", Subject: string(l), Class: doctor.Damage,
			Text: "its file system is mounted for reading only", Proof: "nothing can be started, stopped or changed",
			Remedy: "find out why (the kernel does it after errors: dmesg), then mount it for writing",
		})
	}
	for _, sub := range []string{"", "releases", "jails", "layers", "trash", "journal"} {
		path := filepath.Join(string(l), sub)
		info, err := os.Lstat(path)
		if err != nil {
			failed = append(failed, ignoreMissing(err))
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
			found = append(found, doctor.Finding{
				Kind: "root.owner", Subject: path, Class: doctor.Damage,
				Text:   fmt.Sprintf("it belongs to the user with the id %d", st.Uid),
				Proof:  "who owns it can replace what is in it, while ioc works there",
				Remedy: fmt.Sprintf("chown %d %s", os.Geteuid(), path),
			})
			continue
		}
		others := os.FileMode(0o077)
		if sub == "" {
			others = 0o022 // whoever may enter meets closed directories
		}
		if mode := info.Mode().Perm(); mode&others != 0 {
			found = append(found, doctor.Finding{
				Kind: "root.open", Subject: path, Class: doctor.Damage,
				Text:   fmt.Sprintf("others may enter it or write to it (%04o)", mode),
				Proof:  "a jail's root user could leave a setuid program there for a user of this host",
				Remedy: fmt.Sprintf("give it the mode %04o", mode&^others),
				Mend:   events.Change{Do: []events.Effect{&Close{Path: path, Was: uint32(mode), Is: uint32(mode &^ others)}}},
			})
		}
	}
	return found, errors.Join(failed...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.New("look", kindOf(err), "", err)
}
