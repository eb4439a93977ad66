package zfs

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

var _ doctor.Inspector = (*Driver)(nil)

// Inspect finds what lies in the trash, datasets that were never given a name or never got their files, what a rollback
// has put aside, snapshots without a name, and broken releases. It takes two commands.
func (d *Driver) Inspect(ctx context.Context) ([]doctor.Finding, error) {
	rs, err := get(ctx, 4, d.p.Root)
	if err != nil {
		return nil, fault.New("look", fault.Unknown, d.p.Root, err)
	}
	clones, err := d.p.clones(ctx)
	if err != nil {
		return nil, fault.New("look", fault.Unknown, d.p.Root, err)
	}
	var all []doctor.Finding
	for i := range rs {
		r := &rs[i]
		rest, ok := strings.CutPrefix(r.name, d.p.Root+"/")
		if !ok {
			continue
		}
		if f, ok := d.p.finding(r, rest, rs.find); ok {
			used := slices.IndexFunc(clones, func(c clone) bool {
				at, n, _ := strings.Cut(c.origin, "@")
				return (c.origin == r.name || n != "" && below(at, r.name)) && !below(c.name, r.name)
			})
			if used >= 0 && f.Kind == "snapshot.hidden" {
				continue // it goes with its last clone
			}
			if used >= 0 && f.Kind != "rollback.aside" {
				f.Mend, f.Remedy = nil, clones[used].name+" is a clone of it: zfs promote that one first"
			}
			all = append(all, f)
		}
	}
	return append(all, d.p.brokenReleases(rs)...), nil
}

// finding says what r is, whose name goes on with rest below the root, if it is none that a dataset has.
func (p Place) finding(r *row, rest string, find func(string) *row) (doctor.Finding, bool) {
	f := doctor.Finding{
		Subject: r.name, Class: doctor.Debris, Remedy: "destroy it",
		Mend: events.Change{After: []events.Effect{&Clear{Name: r.name, Was: r.get("guid")}}},
	}
	elems := strings.Split(rest, "/")
	last := elems[len(elems)-1]
	kind := storage.Jails.String()
	id, hidden := strings.CutPrefix(last, ".")
	switch {
	case elems[0] == "trash" && len(elems) == 2:
		f.Kind, f.Text = "trash.left", "something that was destroyed, and was not deleted"
		f.Proof = "it lies in this root's trash, and the journal does not name it"
		id = last[strings.LastIndexByte(last, '.')+1:]
	case len(elems) == 2 && hidden:
		f.Kind, f.Text = "dataset.staged", "half of a dataset, which never got a name"
		f.Proof = "it has the name that this root's " + elems[0] + " have while they are made, and the journal does not name it"
	case elems[0] == kind && len(elems) == 3 && hidden:
		return p.asideOf(f, r, elems[1], id, find)
	case elems[0] == kind && len(elems) == 3 && strings.HasPrefix(last, "root@."):
		f.Kind, f.Text = "snapshot.hidden", "a snapshot without a name, which nothing was cloned from"
		f.Proof = "it has the name that snapshots have which are about to go, and the journal does not name it"
		id, f.Jail = strings.TrimPrefix(last, "root@."), elems[1]
	case len(elems) == 2 && elems[0] == kind && find(r.name+"/root") == nil && r.isMounted() && isHalf(r):
		f.Kind, f.Text = "dataset.staged", "half of a jail, which never got its files"
		f.Proof = "it has the mark that jails have while they are made, and the journal does not name it"
		id, f.Jail = r.id(), last
	default:
		return f, false
	}
	f.Marks = []string{id}
	return f, validID(id)
}

// isHalf reports whether the jail whose file system r is was never finished.
func isHalf(r *row) bool {
	_, err := os.Lstat(filepath.Join(r.get("mountpoint"), making))
	return err == nil
}

// asideOf is what a rollback of a jail has put aside: too much, or all there is.
func (p Place) asideOf(f doctor.Finding, r *row, jail, id string, find func(string) *row) (doctor.Finding, bool) {
	f.Kind, f.Jail, f.Marks = "rollback.aside", jail, []string{id}
	f.Text = "what " + jail + " was before a rollback"
	f.Proof = "it has the name that a rollback gives to what it puts aside, and the journal does not name it"
	set := storage.Jail(storage.Name(jail))
	f.Mend = events.Change{After: []events.Effect{&Settle{Place: p, Dataset: set, ID: id}}}
	if find(p.files(set)) == nil {
		f.Class, f.Mend = doctor.Damage, nil
		f.Text, f.Remedy = "the files of "+jail+", which a rollback has put aside and not brought back", "zfs rename "+r.name+" "+p.files(set)
	}
	return f, validID(id) && set.Validate() == nil
}

// brokenReleases are those that jails cannot be made from. A jail that is broken is the jail's keeper's to tell.
func (p Place) brokenReleases(rs rows) []doctor.Finding {
	var found []doctor.Finding
	for i := range rs {
		set, ok := p.datasetOf(rs[i].name)
		if !ok || set.Kind != storage.Releases || rs[i].name != p.set(set) {
			continue
		}
		if info, ok := p.info(set, &rs[i], rs.find); ok && info.Broken != nil {
			name := string(set.Name)
			found = append(found, doctor.Finding{
				Kind: "release.broken", Subject: name, Class: doctor.Damage,
				Text: info.Broken.Error(), Proof: "it is a release of this root",
				Remedy: "restore what is missing, or: ioc destroy --release " + name,
			})
		}
	}
	return found
}

// validID reports whether s may be what newID has made.
func validID(s string) bool {
	return len(s) == 26 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') })
}

// Clear is the effect that destroys a file system or a snapshot which nobody names, after the commit.
type Clear struct {
	Name string // as zfs has it
	Was  string // its GUID; empty: its name was used once and is not used again
}

// EventType is the effect's name in events.
func (*Clear) EventType() string { return "storage.clear" }

// EventTitle is for people.
func (e *Clear) EventTitle() string { return "delete " + e.Name }

// EventKey is the file system or the snapshot.
func (e *Clear) EventKey() string { return e.Name }

// Do destroys it, if it still is the one that was found.
func (e *Clear) Do(ctx context.Context) error {
	rs, err := get(ctx, 0, e.Name)
	if r := rs.find(e.Name); err != nil || r == nil || e.Was != "" && r.get("guid") != e.Was {
		return err
	}
	if strings.Contains(e.Name, "@") {
		return gone(change(ctx, "destroy", "-d", e.Name))
	}
	return remove(ctx, e.Name)
}

// Undo cannot: the effect is only ever deferred.
func (*Clear) Undo(context.Context) error { return nil }
