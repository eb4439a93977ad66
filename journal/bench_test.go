package journal

import (
	"fmt"
	"testing"

	"github.com/libioc/ioc/events"
)

// benchmarkLog appends as a run does that applies an effect and seals it, again and again: two
// records of three are UNDO, and the log stays small.
func benchmarkLog(b *testing.B, o Options) {
	j, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	l := openLog(b, j)
	rec := events.Record{Type: events.RecUndo, Event: 7, Name: "mount.bind.v1", Params: []byte(`{"Source":"/usr/local","Target":"/jails/web/root/usr/local"}`)}
	amend := events.Record{Type: events.RecAmend, Params: rec.Params}
	done := events.Record{Type: events.RecUndone}
	n := 0
	lsns := []uint64{0}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		switch n++; n % 3 {
		case 1:
			lsns[0], err = l.Append(&rec)
		case 2:
			amend.Ref = lsns[0]
			_, err = l.Append(&amend)
		default:
			done.Ref = lsns[0]
			_, err = l.Append(&done)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(false); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkJournalKillSafe(b *testing.B)  { benchmarkLog(b, Options{Durability: KillSafe}) }
func BenchmarkJournalPowerSafe(b *testing.B) { benchmarkLog(b, Options{}) }

// BenchmarkBareFdatasync is what a durable record costs without a journal: a write of its size into a
// file of a slot's size, and the sync.
func BenchmarkBareFdatasync(b *testing.B) {
	j, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	f, err := j.fs.open("slot-999", true, true)
	if err != nil {
		b.Fatal(err)
	}
	if err := zero(f, 0, j.opts.SlotSize); err != nil {
		b.Fatal(err)
	}
	if err := f.sync(); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 104)
	at := int64(0)
	for b.Loop() {
		if err := writeAll(f, data, at); err != nil {
			b.Fatal(err)
		}
		if err := f.sync(); err != nil {
			b.Fatal(err)
		}
		if at += int64(len(data)); at+int64(len(data)) > j.opts.SlotSize {
			at = 0
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBarePwrite is the same without the sync.
func BenchmarkBarePwrite(b *testing.B) {
	j, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	f, err := j.fs.open("slot-999", true, true)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 104)
	for b.Loop() {
		if err := writeAll(f, data, 4096); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRun is a whole run of three volatile effects that are retained, and their release.
func BenchmarkRun(b *testing.B) {
	j, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld()
	r := w.registry()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.op("va vb vc @k").Do(b.Context(), events.WithJournal(j), events.WithRegistry(r)); err != nil {
			b.Fatal(err)
		}
		if _, err := j.Release("k", r).Do(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func thousand(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld()
	for i := range 1000 {
		if _, err := w.op(fmt.Sprintf("va vb vc vd ve @jail/%d", i)).Do(b.Context(), events.WithJournal(j), events.WithRegistry(w.registry())); err != nil {
			b.Fatal(err)
		}
	}
	return j
}

// BenchmarkHeld1000 lists a thousand running jails.
func BenchmarkHeld1000(b *testing.B) {
	j := thousand(b)
	for b.Loop() {
		n := 0
		for _, err := range j.Held() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}

// BenchmarkDirty1000 asks whether there is something to recover while a thousand jails run.
func BenchmarkDirty1000(b *testing.B) {
	j := thousand(b)
	for b.Loop() {
		if dirty, err := j.Dirty(); dirty || err != nil {
			b.Fatal(dirty, err)
		}
	}
}
