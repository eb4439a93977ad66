package zfs

import (
	"crypto/rand"
	"path/filepath"
	"strings"

	"github.com/libioc/ioc/storage"
)

// Place is where the datasets are. Effects carry it, so that they can be undone by a process that
// knows nothing else.
type Place struct {
	Root string // the file system that all others are below: "tank/ioc"
	Dir  string // where it is mounted
}

// The user properties. Those of libioc begin with the same name.
const (
	propID     = "org.freebsd.ioc:id"     // of the change that made it
	propOrigin = "org.freebsd.ioc:origin" // what a jail was made from, by the name it had then
	propActive = "org.freebsd.ioc:active" // of a pool: it is ioc's
)

// set is the file system that keeps d's small files.
func (p Place) set(d storage.Dataset) string { return p.Root + "/" + d.String() }

// files is d's root file system.
func (p Place) files(d storage.Dataset) string { return p.set(d) + "/root" }

func (p Place) dir(d storage.Dataset) string {
	if d == storage.Global() {
		return p.Dir
	}
	return filepath.Join(p.Dir, d.String())
}

// hidden is where a dataset is filled. No Name begins with a dot.
func (p Place) hidden(k storage.Kind, id string) string {
	return p.Root + "/" + k.String() + "/." + id
}

func (p Place) hiddenDir(k storage.Kind, id string) string {
	return filepath.Join(p.Dir, k.String(), "."+id)
}

// trash is where d waits for its end.
func (p Place) trash(d storage.Dataset, id string) string {
	return p.Root + "/trash/" + d.Kind.String() + "." + string(d.Name) + "." + id
}

// newID is a name that was never used and never will be.
func newID() string { return strings.ToLower(rand.Text()) }

// hiddenSnapshot is a snapshot without a name that a person could give.
func hiddenSnapshot(id string) string { return "@." + id }

// datasetOf finds what a file system below the root belongs to: itself, what lies in it, or what was
// made of it in the trash or on its way. It is false for what belongs to nothing.
func (p Place) datasetOf(name string) (d storage.Dataset, ok bool) {
	rest, ok := strings.CutPrefix(name, p.Root+"/")
	if !ok {
		return d, false
	}
	kind, rest, _ := strings.Cut(rest, "/")
	elem, _, _ := strings.Cut(rest, "/")
	if kind == "trash" {
		if kind, elem, ok = strings.Cut(elem, "."); !ok {
			return d, false
		}
		if dot := strings.LastIndexByte(elem, '.'); dot > 0 {
			elem = elem[:dot]
		}
	}
	err := d.UnmarshalText([]byte(kind + "/" + elem))
	return d, err == nil && d != storage.Dataset{}
}

// originOf reads the name of a snapshot as one of a jail's or a release's.
func (p Place) originOf(snapshot string) storage.Origin {
	name, n, _ := strings.Cut(snapshot, "@")
	d, ok := p.datasetOf(name)
	if !ok {
		return storage.Origin{}
	}
	if o := d.At(storage.SnapshotName(n)); d.Kind == storage.Jails && o.Validate() == nil {
		return o
	}
	return d.Now()
}
