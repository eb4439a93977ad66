package events

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"
)

// RunID names a run: a ULID (https://github.com/ulid/spec), 48 bits of milliseconds since 1970 and 80 of randomness, of
// which the first 16 tell the fraction of the millisecond, as RFC 9562 (6.2, method 3) lets a UUIDv7 do: run IDs sort
// by time to 15 ns.
type RunID [16]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newRunID makes the ID of a run started at t. The random bits come from the runtime's
// ChaCha8 generator, which the operating system seeds; two processes do not collide.
func newRunID(t time.Time) (id RunID) {
	ns := uint64(t.UnixNano()) //nolint:gosec // after 1970
	ms, rest := ns/1e6, ns%1e6
	binary.BigEndian.PutUint64(id[:8], ms<<16|rest<<16/1e6)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // identity, not secrecy
	return id
}

// IsZero reports whether id is of no run.
func (id RunID) IsZero() bool { return id == RunID{} }

// AppendText appends the 26 characters of the ULID.
func (id RunID) AppendText(dst []byte) ([]byte, error) { return id.appendText(dst), nil }

func (id RunID) appendText(dst []byte) []byte {
	// 128 bits in groups of five from the most significant end; the first character holds three.
	hi := uint64(id[0])<<56 | uint64(id[1])<<48 | uint64(id[2])<<40 | uint64(id[3])<<32 |
		uint64(id[4])<<24 | uint64(id[5])<<16 | uint64(id[6])<<8 | uint64(id[7])
	lo := uint64(id[8])<<56 | uint64(id[9])<<48 | uint64(id[10])<<40 | uint64(id[11])<<32 |
		uint64(id[12])<<24 | uint64(id[13])<<16 | uint64(id[14])<<8 | uint64(id[15])
	for shift := 125; shift >= 0; shift -= 5 {
		var v uint64
		switch {
		case shift >= 64:
			v = hi >> (shift - 64)
		case shift > 59:
			v = hi<<(64-shift) | lo>>shift
		default:
			v = lo >> shift
		}
		dst = append(dst, crockford[v&31])
	}
	return dst
}

// MarshalText is the 26 characters of the ULID.
func (id RunID) MarshalText() ([]byte, error) { return id.appendText(nil), nil }

// String is the 26 characters of the ULID.
func (id RunID) String() string { return string(id.appendText(make([]byte, 0, 26))) }

// UnmarshalText parses 26 characters as String gives them; lower case is accepted.
func (id *RunID) UnmarshalText(text []byte) error {
	v, err := ParseRunID(string(text))
	if err == nil {
		*id = v
	}
	return err
}

// ParseRunID parses what RunID.String gives; lower case is accepted.
func ParseRunID(s string) (id RunID, err error) {
	if len(s) != 26 || s[0] > '7' {
		return id, errors.New("run id " + s + ": want 26 characters of a ULID")
	}
	var hi, lo uint64
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		v := -1
		for j := range len(crockford) {
			if crockford[j] == c {
				v = j
				break
			}
		}
		if v < 0 {
			return RunID{}, errors.New("run id " + s + ": want 26 characters of a ULID")
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	for i := range 8 {
		id[i], id[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	return id, nil
}
