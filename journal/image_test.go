package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
)

// twenty is a slot with twenty frames. Records number 5, 10, 15 are volatile; all before a durable
// one was on the disk when it was written.
func twenty(tb testing.TB) []byte {
	tb.Helper()
	h := header{
		salt: salt{1, 2, 3}, run: events.RunID{4}, boot: BootID{1}, started: time.Unix(1, 2), pid: 7,
		start: headerSize, base: 1, host: "host", typ: "jail.start", key: "web",
	}
	b := h.encode()
	for lsn := uint64(1); lsn <= 20; lsn++ {
		rec := events.Record{Type: events.RecUndo, Volatile: lsn%5 == 0, Event: events.ID(lsn), Name: "thing.put.v1", Params: fmt.Appendf(nil, `{"Name":"%d"}`, lsn)}
		switch lsn {
		case 18:
			rec = events.Record{Type: events.RecUndone, Ref: 17}
		case 19:
			rec = events.Record{Type: events.RecFailed, Ref: 16, Params: []byte("why")}
		}
		b = appendFrame(b, h.salt.seed(), lsn, lsn-1, &rec)
	}
	return append(b, make([]byte, 512)...)
}

func frameEnds(data []byte) (ends []int64) {
	img, _ := readImage(data, BootID{1})
	at := img.h.start
	for _, f := range img.frames {
		at += f.size
		ends = append(ends, at)
	}
	return ends
}

// TestEveryCut cuts and zeroes the log at every byte: what is read is an exact prefix.
func TestEveryCut(t *testing.T) {
	whole := twenty(t)
	ends := frameEnds(whole)
	if len(ends) != 20 {
		t.Fatalf("%d frames", len(ends))
	}
	for _, boot := range []BootID{{1}, {2}} {
		for at := range whole {
			zeroed := slices.Concat(whole[:at], make([]byte, len(whole)-at))
			for kind, data := range [][]byte{whole[:at], zeroed} {
				img, err := readImage(data, boot)
				if at < sector { // no header was ever complete
					if !errors.Is(err, errBlank) {
						t.Fatalf("cut %d at %d: %v", kind, at, err)
					}
					continue
				}
				want := 0
				for want < len(ends) && ends[want] <= int64(at) {
					want++
				}
				if kind == 1 { // a frame may end in padding, which is zeros
					for want < len(ends) && bytes.Equal(zeroed[:ends[want]], whole[:ends[want]]) {
						want++
					}
				}
				if kind == 0 && at < headerSize && boot == (BootID{1}) {
					if !errors.Is(err, ErrCorrupt) { // the page cache does not lose the file's end
						t.Fatalf("cut at %d: %v", at, err)
					}
					continue
				}
				if err != nil || len(img.frames) != want || img.stale != 0 {
					t.Fatalf("cut %d at %d: %d frames, want %d; %v", kind, at, len(img.frames), want, err)
				}
			}
		}
	}
}

// TestEveryBitFlip flips every bit of the log: nothing that was recorded is ever read as something
// else; what cannot be taken for a torn end is corrupt.
func TestEveryBitFlip(t *testing.T) {
	whole := twenty(t)
	ends := frameEnds(whole)
	want, _ := readImage(whole, BootID{1})
	counts := map[string]int{}
	for _, boot := range []BootID{{1}, {2}} {
		for bit := range len(whole) * 8 {
			data := bytes.Clone(whole)
			data[bit/8] ^= 1 << (bit % 8)
			img, err := readImage(data, boot)
			at := int64(bit / 8)
			switch {
			case at < headerSize: // the other copy is good
				if err != nil || len(img.frames) != 20 || img.h != want.h {
					t.Fatalf("bit %d of the header: %v", bit, err)
				}
				counts["header"]++
			case at < ends[18]: // a later frame says that this one had reached the disk
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("bit %d: %v", bit, err)
				}
				counts["corrupt"]++
			case at < ends[19]:
				if err != nil || len(img.frames) != 19 {
					t.Fatalf("bit %d of the last frame: %v", bit, err)
				}
				counts["cut"]++
			default:
				if err != nil || len(img.frames) != 20 {
					t.Fatalf("bit %d behind the log: %v", bit, err)
				}
				counts["behind"]++
			}
		}
	}
	t.Log(counts)
}

// TestLostPage takes one frame away, as a power cut does to a page that was not synced, and looks at
// it before and after a reboot.
func TestLostPage(t *testing.T) {
	h := header{salt: salt{9}, boot: BootID{1}, start: headerSize, base: 1}
	make3 := func(synced uint64) []byte {
		b := h.encode()
		for lsn := uint64(1); lsn <= 4; lsn++ {
			rec := events.Record{Type: events.RecUndo, Volatile: true, Name: "x", Params: make([]byte, 100)}
			b = appendFrame(b, h.salt.seed(), lsn, min(synced, lsn-1), &rec)
		}
		return b
	}
	for _, tc := range []struct {
		synced uint64
		boot   byte
		frames int
		err    error
	}{
		{0, 1, 1, ErrCorrupt}, // the page cache is coherent: it has rotted
		{0, 2, 1, nil},        // never promised
		{1, 2, 1, nil},
		{2, 2, 1, ErrCorrupt}, // promised
	} {
		data := make3(tc.synced)
		ends := frameEnds(data)
		clear(data[ends[0]:ends[1]])
		img, err := readImage(data, BootID{tc.boot})
		if !errors.Is(err, tc.err) || len(img.frames) != tc.frames || img.stale != ends[3] {
			t.Errorf("synced %d, boot %d: %d frames, stale %d, %v", tc.synced, tc.boot, len(img.frames), img.stale, err)
		}
	}
}

// TestStaleFramesDoNotComeBack: after a power cut has taken a frame, what recovery writes in its
// place has the same size, and the frame behind it must not become part of the log.
func TestStaleFramesDoNotComeBack(t *testing.T) {
	d := newDisk()
	j := newJournal(d, Options{BootID: BootID{2}})
	h := header{salt: salt{9}, run: events.RunID{1}, boot: BootID{1}, start: headerSize, base: 1}
	b := h.encode()
	attempt := events.Record{Type: events.RecAttempt, Ref: 1, Params: make([]byte, 16)}
	for lsn, rec := range []events.Record{{Type: events.RecUndo, Name: "x"}, attempt, {Type: events.RecUndone, Ref: 1}} {
		b = appendFrame(b, h.salt.seed(), uint64(lsn+1), 0, &rec)
	}
	ends := frameEnds(b)
	clear(b[ends[0]:ends[1]])
	f, err := d.open(slotName(0), true, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAll(f, b, 0); err != nil {
		t.Fatal(err)
	}
	img, err := readImage(b, BootID{2})
	if err != nil {
		t.Fatal(err)
	}
	log, err := j.resume(f, slotName(0), img)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(&attempt); err != nil {
		t.Fatal(err)
	}
	data, _ := readAll(f)
	if img, err = readImage(data, BootID{2}); err != nil || len(img.frames) != 2 || img.stale != 0 {
		t.Errorf("%d frames, stale %d, %v", len(img.frames), img.stale, err)
	}
}

func TestHeader(t *testing.T) {
	long := string(bytes.Repeat([]byte("ü"), 300))
	h := header{
		flags: flagHeld | flagDurable, salt: salt{1}, run: events.RunID{2}, boot: BootID{3}, started: time.Unix(5, 6), pid: 7,
		start: headerSize, base: 8, end: 9, count: 10, host: long, typ: long, key: long,
	}
	got, err := decodeHeader(h.encode())
	h.host, h.typ, h.key = long[:64], long[:100], long[:200]
	if err != nil || got != h {
		t.Errorf("got %+v, %v", got, err)
	}
	newer := h.encode()[:sector]
	binary.LittleEndian.PutUint16(newer[4:], 2)
	if _, err := decodeHeader(append(newer, newer...)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a newer format: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for _, key := range []string{"jail/web", "Jail/Web", "a.next", "ü%", "..", "x"} {
		name := heldName(key)[len(heldDir)+1:]
		if got, suffix, ok := heldKey(name + suffixOut); got != key || suffix != suffixOut || !ok {
			t.Errorf("%q -> %q -> %q %q %v", key, name, got, suffix, ok)
		}
	}
	for _, name := range []string{"", "%", "%4", "A", "a.b", ".next", "%zz", "%61"} {
		if key, _, ok := heldKey(name); ok {
			t.Errorf("heldKey(%q) = %q", name, key)
		}
	}
}

// FuzzReader reads anything as a slot and as a file of retained effects.
func FuzzReader(f *testing.F) {
	whole := twenty(f)
	f.Add(whole)
	f.Add(whole[:headerSize+100])
	held := bytes.Clone(whole)
	held[6] |= flagHeld
	f.Add(held)
	f.Fuzz(func(t *testing.T, data []byte) {
		readAnything(t, data)
		// The same bytes as bodies of frames that verify, a length before each.
		h := header{flags: uint16(len(data)) & flagHeld, boot: BootID{1}, start: headerSize, base: 1}
		forged := h.encode()
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			body := data[1 : 1+n]
			data = data[1+n:]
			at := len(forged)
			forged = append(forged, make([]byte, frameHead)...)
			forged = append(forged, body...)
			forged = append(forged, make([]byte, -n&(frameAlign-1))...)
			binary.LittleEndian.PutUint32(forged[at:], uint32(n))
			binary.LittleEndian.PutUint32(forged[at+4:], frameSum(h.salt.seed(), forged[at:]))
		}
		readAnything(t, forged)
	})
}

func readAnything(t *testing.T, data []byte) {
	t.Helper()
	for _, boot := range []BootID{{1}, {2}} {
		img, err := readImage(data, boot)
		if img == nil {
			t.Fatal("no image")
		}
		if err == nil && img.end < headerSize {
			t.Fatalf("end %d of %d", img.end, img.size)
		}
		hi := img.history()
		run, report := hi.left()
		if len(run)+len(report) > len(hi.effects) {
			t.Fatalf("%d effects left of %d", len(run)+len(report), len(hi.effects))
		}
	}
}

// TestSeeds writes the seed corpus if it is missing.
func TestSeeds(t *testing.T) {
	dir := filepath.Join("testdata", "fuzz", "FuzzReader")
	want := map[string][]byte{"twenty": twenty(t)}
	img, _ := readImage(want["twenty"], BootID{1})
	held := img.h
	held.flags, held.count = flagHeld|flagDurable, 20
	want["held"] = append(held.encode(), want["twenty"][headerSize:]...)
	rotten := bytes.Clone(want["twenty"])
	rotten[headerSize+300] ^= 4
	want["rotten"] = rotten
	want["free"] = append((&header{flags: flagFree, start: headerSize, base: 1, end: 2000}).encode(), want["twenty"][headerSize:]...)
	var bodies []byte
	for _, fr := range img.frames {
		body := appendFrame(nil, 0, fr.lsn, fr.synced, &fr.Record)[frameHead:]
		bodies = append(append(bodies, byte(len(body))), body...)
	}
	commit := events.Record{Type: events.RecCommit, Params: encodeFinal(nil, []uint64{1, 2, 9}, []kept{{"jail/web", salt{1}}, {"", salt{2}}})}
	body := appendFrame(nil, 0, 21, 20, &commit)[frameHead:]
	want["bodies"] = append(append(bodies, byte(len(body))), body...)
	for name, data := range want {
		text := fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", data)
		old, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			if err = os.MkdirAll(dir, 0o755); err == nil {
				err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
			}
			old = text
		}
		if err != nil || !bytes.Equal(old, text) {
			t.Errorf("seed %s: %v; remove it to have it written anew", name, err)
		}
	}
}
