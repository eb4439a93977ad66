package mem

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// World is all there is. It may be used from several goroutines.
type World struct {
	now func() time.Time

	mu     sync.Mutex
	sets   map[storage.Dataset]*dataset
	hidden map[string]*dataset // being filled, by id
	trash  map[string]*dataset // destroyed but not purged, by the id of the change
	past   map[string]past     // what rollbacks and destroyed snapshots may need, by the id of the change
}

type dataset struct {
	name    storage.Dataset // the last one it had
	id      string
	created time.Time
	origin  storage.Origin
	release string // id of the release it shares files with
	files   map[string]string
	loaded  map[string]bool // of one that was adopted, the files that were asked for
	tree    *tree
	snaps   []snapshot
}

type snapshot struct {
	id      string
	name    storage.SnapshotName
	created time.Time
	tree    *tree
}

// past is what a jail was.
type past struct {
	tree  *tree
	snaps []snapshot
}

var (
	_ storage.Driver = (*World)(nil)
	_ storage.Differ = (*World)(nil)
)

// New returns an empty world. now is its clock; nil is the system's.
func New(now func() time.Time) *World {
	if now == nil {
		now = time.Now
	}
	return &World{
		now:  func() time.Time { return now().UTC() },
		sets: map[storage.Dataset]*dataset{storage.Global(): {name: storage.Global(), files: map[string]string{}, tree: &tree{}}}, hidden: map[string]*dataset{}, trash: map[string]*dataset{}, past: map[string]past{},
	}
}

// Register makes the effects on w known, and gives w to those that are decoded.
func (w *World) Register(r *events.Registry) {
	events.Register[Clone](r, "mem.clone.v1", events.Bind(func(e *Clone) { e.w = w }))
	events.Register[Stage](r, "mem.stage.v1", events.Bind(func(e *Stage) { e.w = w }))
	events.Register[Publish](r, "mem.publish.v1", events.Bind(func(e *Publish) { e.w = w }))
	events.Register[Snapshot](r, "mem.snapshot.v1", events.Bind(func(e *Snapshot) { e.w = w }))
	events.Register[Rollback](r, "mem.rollback.v1", events.Bind(func(e *Rollback) { e.w = w }))
	events.Register[Forget](r, "mem.forget.v1", events.Bind(func(e *Forget) { e.w = w }))
	events.Register[Rename](r, "mem.rename.v1", events.Bind(func(e *Rename) { e.w = w }))
	events.Register[Trash](r, "mem.trash.v1", events.Bind(func(e *Trash) { e.w = w }))
	events.Register[Purge](r, "mem.purge.v1", events.Bind(func(e *Purge) { e.w = w }))
	events.Register[WriteFile](r, "mem.writefile.v1", events.Bind(func(e *WriteFile) { e.w = w }))
	events.Register[Clear](r, "mem.clear.v1", events.Bind(func(e *Clear) { e.w = w }))
}

func newID() string { return strings.ToLower(rand.Text()) }

// Features are all there are but those that cost something.
func (w *World) Features(context.Context) storage.Features {
	return storage.Features{
		Driver: "mem", Why: "in memory: nothing is kept", Live: true, Cheap: true, Independent: true, Ownership: true, Devices: true,
	}
}

// find gives d or an error. The caller holds w.mu.
func (w *World) find(op string, d storage.Dataset) (*dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if s, ok := w.sets[d]; ok {
		return s, nil
	}
	return nil, storage.NotFound(op, d.Now())
}

func (s *dataset) info() storage.Info {
	return storage.Info{Dataset: s.name, ID: s.id, Origin: s.origin, Created: s.created}
}

func (s *dataset) snapshot(n storage.SnapshotName) int {
	return slices.IndexFunc(s.snaps, func(snap snapshot) bool { return snap.name == n })
}

// List gives the datasets of a kind.
func (w *World) List(_ context.Context, k storage.Kind) ([]storage.Info, error) {
	if k != storage.Releases && k != storage.Jails {
		return nil, fault.New("list", fault.Invalid, k.String(), nil)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []storage.Info
	for d, s := range w.sets {
		if d.Kind == k {
			all = append(all, s.info())
		}
	}
	slices.SortFunc(all, func(a, b storage.Info) int { return cmp.Compare(a.Dataset.Name, b.Dataset.Name) })
	return all, nil
}

// Stat gives what is known of d.
func (w *World) Stat(_ context.Context, d storage.Dataset) (storage.Info, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("stat", d)
	if err != nil {
		return storage.Info{}, err
	}
	return s.info(), nil
}

// Root names a directory that no system has.
func (w *World) Root(_ context.Context, d storage.Dataset) (storage.Root, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("root", d)
	if err != nil {
		return storage.Root{}, err
	}
	return storage.Root{Dir: "/mem/" + s.id}, nil
}

// Snapshots gives d's snapshots, each with what it does not share with the one before.
func (w *World) Snapshots(_ context.Context, d storage.Dataset) ([]storage.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("snapshots", d)
	if err != nil {
		return nil, err
	}
	all := make([]storage.Snapshot, len(s.snaps))
	seen := map[*node]bool{}
	for i, snap := range s.snaps {
		all[i] = storage.Snapshot{Name: snap.name, Created: snap.created, Used: measure(snap.tree, seen)}
	}
	return all, nil
}

// Usage counts blocks of files as a disk would.
func (w *World) Usage(_ context.Context, d storage.Dataset) (storage.Usage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("usage", d)
	if err != nil {
		return storage.Usage{}, err
	}
	others := map[*node]bool{}
	for _, o := range w.sets {
		if o == s {
			continue
		}
		for _, snap := range o.snaps {
			measure(snap.tree, others)
		}
		measure(o.tree, others)
	}
	u := storage.Usage{Referenced: measure(s.tree, map[*node]bool{}), Available: 1 << 40}
	for _, snap := range s.snaps {
		u.Used += measure(snap.tree, others)
	}
	u.Used += measure(s.tree, others)
	return u, nil
}

// measure adds up what is not in seen, and adds it to seen.
func measure(t *tree, seen map[*node]bool) int64 {
	var sum int64
	for _, n := range t.nodes {
		if !seen[n] {
			seen[n] = true
			sum += (n.size + 511) &^ 511
		}
	}
	return sum
}

// Users gives the jails that share files with a release.
func (w *World) Users(_ context.Context, o storage.Origin) ([]storage.Dataset, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.find("users", o.Dataset)
	if err != nil {
		return nil, err
	}
	if o.Snapshot != "" && s.snapshot(o.Snapshot) < 0 {
		return nil, storage.NotFound("users", o)
	}
	return w.users(s), nil
}

// users are those of a release, also in the trash. The caller holds w.mu.
func (w *World) users(s *dataset) []storage.Dataset {
	var by []storage.Dataset
	for _, o := range w.sets {
		if o.release == s.id {
			by = append(by, o.name)
		}
	}
	for _, o := range w.trash {
		if o.release == s.id {
			by = append(by, o.name)
		}
	}
	slices.SortFunc(by, func(a, b storage.Dataset) int { return cmp.Compare(a.Name, b.Name) })
	return by
}
