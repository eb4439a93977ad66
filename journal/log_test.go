package journal

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/libioc/ioc/events"
)

func openLog(tb testing.TB, j *Journal) *Log {
	tb.Helper()
	l, err := j.Open(&events.RunInfo{ID: events.RunID{1}}, &events.Named{Type: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return l.(*Log)
}

func undo(i int, vol bool) *events.Record {
	return &events.Record{Type: events.RecUndo, Volatile: vol, Event: events.ID(i), Name: "thing.put.v1", Params: fmt.Appendf(nil, `{"Name":"%d"}`, i)}
}

// TestGroupCommit: lanes that wait at the same time share a sync.
func TestGroupCommit(t *testing.T) {
	const lanes = 16
	d := newDisk()
	l := openLog(t, newJournal(d, Options{}))
	if _, err := l.Append(undo(0, false)); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	n, before := 0, d.syncs
	var mu sync.Mutex
	d.hook = func(op string, _ int) error {
		if hasWord("sync", op) {
			<-written // the first sync ends when all lanes have written
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if n++; n == lanes {
			close(written)
		}
		return nil
	}
	var wg sync.WaitGroup
	for i := range lanes {
		wg.Go(func() {
			if _, err := l.Append(undo(i+1, false)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := d.syncs - before; got != 2 {
		t.Errorf("%d lanes made %d syncs, want 2", lanes, got)
	}
	if l.synced != lanes+1 {
		t.Errorf("synced up to %d", l.synced)
	}
}

// TestVolatileNeverSyncs: runs of volatile effects do not wait for a disk, also what they retain.
func TestVolatileNeverSyncs(t *testing.T) {
	d := newDisk()
	j, w := newJournal(d, Options{SlotSize: 8 << 10}), newWorld()
	w.j = j
	for i := range 100 {
		words := fmt.Sprintf("va%d vb vc @k%d", i, i)
		if i%3 == 0 {
			words = "va vb vc | vd fail"
		}
		if err := w.do(t, j, words); err != nil && !errors.Is(err, errTest) {
			t.Fatal(err)
		}
	}
	w.die(t, j, "va vb")
	recoverAll(t, j, w)
	for h := range j.Held() {
		if _, err := j.Release(h.Key, w.registry()).Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d.syncs != 0 {
		t.Errorf("%d syncs", d.syncs)
	}
	if names, _ := d.names(""); len(names) != 1 {
		t.Errorf("slots: %v", names)
	}
}

// TestSyncs counts what durable runs wait for.
func TestSyncs(t *testing.T) {
	d := newDisk()
	j, w := newJournal(d, Options{}), newWorld()
	for i, tc := range []struct {
		words string
		syncs int
	}{
		{"a", 2 + 1 + 1},      // the slot's name; UNDO, AMEND, COMMIT
		{"a", 3},              // the name is there
		{"va a vb", 3},        // volatile records ride along
		{"a fail", 3},         // UNDO, AMEND, UNDONE
		{"a b @k", 5 + 1 + 2}, // the kept file, its name before and after
		{"c !c", 3},           // UNDO, AMEND, COMMIT: what is deferred rides along, and so does that it is done
	} {
		before := d.syncs
		if err := w.do(t, j, tc.words); err != nil && !errors.Is(err, errTest) {
			t.Fatal(err)
		}
		if got := d.syncs - before; got != tc.syncs {
			t.Errorf("run %d, %q: %d syncs, want %d", i, tc.words, got, tc.syncs)
		}
	}
}

func TestGrowAndShrink(t *testing.T) {
	journals(t, func(t *testing.T, j *Journal) {
		j.opts.SlotSize = 4 << 10
		l := openLog(t, j)
		for i := range 1000 {
			if _, err := l.Append(undo(i, i%2 == 0)); err != nil {
				t.Fatal(err)
			}
		}
		if l.size < 1000*roomEffect {
			t.Errorf("%d bytes do not have room to undo a thousand effects", l.size)
		}
		for i := range 1000 {
			if _, err := l.Append(&events.Record{Type: events.RecUndone, Ref: uint64(1000 - i), Volatile: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		l = openLog(t, j)
		if l.size != j.opts.SlotSize {
			t.Errorf("a free slot has %d bytes", l.size)
		}
		if err := l.Close(true); err != nil {
			t.Fatal(err)
		}
		wantClean(t, j)
	})
}

// TestSealedLogDoesNotGrow: what is final makes room.
func TestSealedLogDoesNotGrow(t *testing.T) {
	for _, vol := range []bool{true, false} {
		d := newDisk()
		j := newJournal(d, Options{SlotSize: 4 << 10})
		l := openLog(t, j)
		for i := range 2000 {
			lsn, err := l.Append(undo(i, vol))
			if err != nil || lsn != uint64(2*i+1) {
				t.Fatal(lsn, err)
			}
			if err := l.Seal([]uint64{lsn}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if l.size != j.opts.SlotSize {
			t.Errorf("%d bytes", l.size)
		}
		if _, err := l.Append(undo(0, vol)); err != nil {
			t.Fatal(err)
		}
		_ = l.f.Close()
		if dead := left(t, j); len(dead.Pending) != 1 || dead.Corrupt != nil || dead.Pending[0].LSN != 4001 {
			t.Errorf("%+v", dead)
		}
	}
}

// TestFullDiskDoesNotStopARollback: the room for it was kept.
func TestFullDiskDoesNotStopARollback(t *testing.T) {
	d := newDisk()
	j := newJournal(d, Options{SlotSize: 4 << 10})
	l := openLog(t, j)
	d.short = true
	n := 0
	d.hook = func(op string, _ int) error {
		if hasWord("extend create", op) && n > 0 {
			return errFull
		}
		return nil
	}
	var err error
	for {
		if _, err = l.Append(undo(n, n%2 == 0)); err != nil {
			break
		}
		n++
	}
	if !errors.Is(err, errFull) || !errors.Is(err, errNoRoom) || n < 5 {
		t.Fatalf("%d records, %v", n, err)
	}
	if size, err := l.f.size(); size != l.size || err != nil {
		t.Errorf("growing in vain left %d bytes of %d", size, l.size)
	}
	boot := j.opts.BootID
	for i := n; i > 0; i-- {
		ref := uint64(i)
		for range maxAttempts {
			for _, rec := range []events.Record{
				{Type: events.RecAttempt, Ref: ref, Params: boot[:]},
				{Type: events.RecFailed, Ref: ref, Params: []byte(strings.Repeat("why", 1000))},
			} {
				if _, err := l.Append(&rec); err != nil && !errors.Is(err, errNoRoom) {
					t.Fatalf("%d of %d: %v", i, n, err)
				}
			}
		}
	}
	for i := n; i > 0; i-- {
		if _, err := l.Append(&events.Record{Type: events.RecUndone, Ref: uint64(i)}); err != nil {
			t.Fatalf("%d of %d: %v", i, n, err)
		}
	}
	if err := l.Close(false); err != nil { // what failed is not in the log
		t.Fatal(err)
	}
	wantClean(t, j)
}

// TestPoison: a sync that failed is not tried again, and nothing is written after it.
func TestPoison(t *testing.T) {
	d := newDisk()
	j := newJournal(d, Options{})
	l := openLog(t, j)
	if _, err := l.Append(undo(1, false)); err != nil {
		t.Fatal(err)
	}
	d.hook = func(op string, _ int) error {
		if hasWord("sync", op) {
			return errTest
		}
		return nil
	}
	if _, err := l.Append(undo(2, false)); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	d.hook = nil
	before := d.ops
	for _, rec := range []*events.Record{undo(3, true), {Type: events.RecUndone, Ref: 1}} {
		if _, err := l.Append(rec); !errors.Is(err, errTest) {
			t.Errorf("after a failed sync: %v", err)
		}
	}
	if err := errors.Join(l.Seal([]uint64{1}, nil)); !errors.Is(err, errTest) {
		t.Errorf("Seal: %v", err)
	}
	if err := l.Commit(nil); !errors.Is(err, errTest) {
		t.Errorf("Commit: %v", err)
	}
	if err := l.Close(true); err != nil || d.ops != before {
		t.Errorf("Close: %v; %d changes", err, d.ops-before)
	}
	if _, err := l.Append(undo(3, true)); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
	if dead := left(t, j); len(dead.Pending) != 2 {
		t.Errorf("%+v", dead)
	}
}

// TestCommitThatWasNotSynced does not count: its run has been undone.
func TestCommitThatWasNotSynced(t *testing.T) {
	d := newDisk()
	j, w := newJournal(d, Options{}), newWorld()
	n := 0
	d.hook = func(op string, _ int) error {
		if hasWord("sync", op) {
			if n++; n == 4 {
				return errTest
			}
		}
		return nil
	}
	if err := w.do(t, j, "x"); err != nil {
		t.Fatal(err)
	}
	n = 1
	if err := w.do(t, j, "a !x"); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	if n < 4 {
		t.Fatalf("only %d syncs", n)
	}
	d.hook = nil
	recoverAll(t, j, w)
	wantWorld(t, w, "x")
	wantClean(t, j)
}

func TestTooLarge(t *testing.T) {
	l := openLog(t, Memory())
	if _, err := l.Append(&events.Record{Type: events.RecUndo, Name: "x", Params: make([]byte, maxBody)}); err == nil {
		t.Error("accepted")
	}
	if _, err := l.Append(&events.Record{Type: events.RecUndo, Name: "x", Params: make([]byte, 1<<20)}); err != nil {
		t.Error(err)
	}
}
