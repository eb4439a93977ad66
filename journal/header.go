package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
	"unicode/utf8"

	"github.com/libioc/ioc/events"
)

// header tells whose log a file holds. It fills a sector and is there twice, so that neither a torn
// sector nor rot in one loses a run. Where both verify the first counts.
type header struct {
	flags   uint16
	salt    salt
	run     events.RunID
	boot    BootID
	started time.Time
	pid     int
	start   int64        // where the first frame is
	base    uint64       // the first frame's LSN
	end     int64        // flagFree: where the frames ended
	count   int          // held: how many records it was made with
	by      events.RunID // held: the run that made it; run is the first that retained under the key
	host    string
	typ     string // of the run's root event
	key     string // of the run's root event
}

const (
	headerMagic   = "EVJ1"
	headerVersion = 1
	sector        = 512
	headerSize    = 2 * sector
	headerFixed   = 120 // where the strings begin

	flagFree    = 1 << 0 // nobody's: nothing of the log is needed any more
	flagDurable = 1 << 1 // frames in the slot may matter after a power cut as long as the header on disk is old
	flagLinked  = 1 << 2 // the file's name is on stable storage
	flagParked  = 1 << 3 // what is left is not run again by itself
	flagHeld    = 1 << 4 // retained effects, not a run
	flagLeft    = 1 << 5 // the run is over, and its process may go on
)

var (
	// errBlank is a file in which no run was ever recorded.
	errBlank = errors.New("no header")
	// ErrCorrupt is the error of a file that says something else than what was written to it. Nothing
	// of it is run.
	ErrCorrupt = errors.New("corrupt")
)

// encode gives both copies.
func (h *header) encode() []byte {
	b := make([]byte, sector, headerSize)
	le := binary.LittleEndian
	copy(b, headerMagic)
	le.PutUint16(b[4:], headerVersion)
	le.PutUint16(b[6:], h.flags)
	copy(b[8:], h.salt[:])
	copy(b[16:], h.run[:])
	copy(b[32:], h.boot[:])
	le.PutUint64(b[48:], uint64(h.started.UnixNano())) //nolint:gosec // as int64 again
	le.PutUint64(b[56:], uint64(h.start))              //nolint:gosec // as int64 again
	le.PutUint64(b[64:], h.base)
	le.PutUint64(b[72:], uint64(h.end))   //nolint:gosec // as int64 again
	le.PutUint32(b[80:], uint32(h.pid))   //nolint:gosec // as int32 again
	le.PutUint32(b[84:], uint32(h.count)) //nolint:gosec // bounded by the file's size
	copy(b[96:], h.by[:])
	at := headerFixed
	for i, s := range [...]string{shorten(h.host, 64), shorten(h.typ, 100), shorten(h.key, 200)} {
		b[88+i] = byte(len(s))
		at += copy(b[at:], s)
	}
	le.PutUint32(b[sector-4:], crc32.Checksum(b[:sector-4], castagnoli()))
	return append(b, b...)
}

// shorten cuts s to at most n bytes of whole characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// decodeHeader reads what encode wrote: errBlank if nothing was ever written, ErrCorrupt if it is
// something else.
func decodeHeader(b []byte) (h header, err error) {
	if len(b) < headerSize {
		b = append(bytes.Clone(b), make([]byte, headerSize-len(b))...)
	}
	h, err = decodeCopy(b[:sector])
	if err == nil {
		return h, nil
	}
	second, err2 := decodeCopy(b[sector:headerSize])
	if err2 == nil {
		return second, nil
	}
	if errors.Is(err, errBlank) || errors.Is(err2, errBlank) { // never on the disk as a whole: its run did nothing
		return h, errBlank
	}
	return h, err2
}

func decodeCopy(b []byte) (h header, err error) {
	le := binary.LittleEndian
	if len(bytes.Trim(b, "\x00")) == 0 {
		return h, errBlank
	}
	if string(b[:4]) != headerMagic || le.Uint32(b[sector-4:]) != crc32.Checksum(b[:sector-4], castagnoli()) {
		return h, fmt.Errorf("header: %w", ErrCorrupt)
	}
	if v := le.Uint16(b[4:]); v != headerVersion {
		return h, fmt.Errorf("format %d is not known: %w", v, ErrCorrupt)
	}
	h.flags = le.Uint16(b[6:])
	copy(h.salt[:], b[8:])
	copy(h.run[:], b[16:])
	copy(h.boot[:], b[32:])
	h.started = time.Unix(0, int64(le.Uint64(b[48:]))) //nolint:gosec // as written
	h.start = int64(le.Uint64(b[56:]))                 //nolint:gosec // checked below
	h.base = le.Uint64(b[64:])
	h.end = int64(le.Uint64(b[72:]))      //nolint:gosec // checked below
	h.pid = int(int32(le.Uint32(b[80:]))) //nolint:gosec // as written
	h.count = int(le.Uint32(b[84:]))
	copy(h.by[:], b[96:])
	at := headerFixed
	for i, s := range [...]*string{&h.host, &h.typ, &h.key} {
		n := int(b[88+i])
		if at+n > sector-4 {
			return h, fmt.Errorf("header: %w", ErrCorrupt)
		}
		*s = string(b[at : at+n])
		at += n
	}
	if h.start < headerSize || h.start%frameAlign != 0 || h.base == 0 || h.end < 0 {
		return h, fmt.Errorf("header: %w", ErrCorrupt)
	}
	return h, nil
}

func (h *header) info() events.RunInfo {
	return events.RunInfo{ID: h.run, Started: h.started, Host: h.host, PID: h.pid}
}

// root is the type and key of the run's root event, for people.
func (h *header) root() string {
	if h.key == "" {
		return h.typ
	}
	return h.typ + " " + h.key
}

func (h *header) is(flag uint16) bool { return h.flags&flag != 0 }
