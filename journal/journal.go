package journal

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/events"
)

// Durability says what a record survives when its Append has returned.
type Durability uint8

const (
	// PowerSafe records survive a power cut: every one that is not volatile is on the disk before its
	// effect happens.
	PowerSafe Durability = iota
	// KillSafe records survive kill -9, but perhaps not the machine. After a power cut a committed run
	// may be undone, because its COMMIT got lost.
	KillSafe
)

// Options configure a Journal. The zero value is right for most.
type Options struct {
	Durability Durability
	Slots      int    // most runs at once, those that wait for recovery included; 0: 1024
	SlotSize   int64  // bytes a slot begins with, it grows when needed; 0: 64 KiB
	BootID     BootID // zero: as the system says, if it does
}

// Journal is a directory of slots, one per live run, and of what committed runs retain. It
// implements events.Journal.
type Journal struct {
	fs   fileSystem
	opts Options
}

const heldDir = "held"

// Open opens the journal in dir, which is made if it does not exist, for its owner alone. It refuses
// a directory on a network file system. There is nothing to close.
//
// Where the system does not say which boot this is (Linux without /proc), it cannot be told whether the
// machine was rebooted since a run died. Then volatile effects are undone, too, which after a reboot finds
// nothing, and DeadRun.SameBoot is false.
func Open(dir string, o Options) (*Journal, error) {
	if !o.BootID.known() {
		o.BootID = systemBoot()
	}
	d, err := openDirectory(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return newJournal(d, o), nil
}

// Memory is a journal that ends with the process: for dry runs and tests. All else is as in a real one.
func Memory() *Journal {
	return newJournal(newMemory(), Options{Durability: KillSafe, SlotSize: 4 << 10, BootID: BootID{1}})
}

func newJournal(fsys fileSystem, o Options) *Journal {
	if o.Slots <= 0 {
		o.Slots = 1024
	}
	if o.SlotSize <= 0 {
		o.SlotSize = 64 << 10
	}
	o.SlotSize = max(o.SlotSize+sector-1, headerSize+4*sector) / sector * sector
	return &Journal{fs: fsys, opts: o}
}

// Open claims a slot for run. Nothing is written before the first record. It is what a run with the
// option events.WithJournal calls.
func (j *Journal) Open(run *events.RunInfo, root events.Payload) (events.Log, error) {
	l, err := j.claim()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	l.h = header{
		flags: l.h.flags & (flagDurable | flagLinked), end: l.h.end,
		run: run.ID, boot: j.opts.BootID, started: run.Started, pid: run.PID, host: run.Host, base: 1,
	}
	if root != nil {
		l.h.typ = root.EventType()
	}
	if k, ok := root.(events.Keyed); ok {
		l.h.key = k.EventKey()
	}
	return l, nil
}

// claim takes the first slot that nobody works with and whose last run left nothing.
func (j *Journal) claim() (*Log, error) {
	for i := range j.opts.Slots {
		name := slotName(i)
		f, err := j.fs.open(name, true, false)
		if err != nil {
			return nil, err
		}
		l, err := j.claimFile(f, name)
		if err != nil || l == nil {
			err = errors.Join(err, f.Close())
		}
		if err != nil || l != nil {
			return l, err
		}
	}
	return nil, fmt.Errorf("all %d slots are in use by runs or wait for recovery", j.opts.Slots)
}

// claimFile makes a log of a free slot; nil if it is not free.
func (j *Journal) claimFile(f file, name string) (*Log, error) {
	if ok, err := f.lock(exclusive); !ok || err != nil {
		return nil, err
	}
	b, err := readAt(f, 0, headerSize)
	if err != nil {
		return nil, err
	}
	h, err := decodeHeader(b)
	if err != nil && !errors.Is(err, errBlank) || err == nil && !h.is(flagFree) {
		return nil, f.unlock() // recovery's
	}
	size, err := f.size()
	if err != nil {
		return nil, err
	}
	return newLog(j, f, name, h, size), nil
}

func slotName(i int) string { return fmt.Sprintf("slot-%03d", i) }
