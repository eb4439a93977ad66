package journal

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/libioc/ioc/events"
)

// A frame is one record on disk:
//
//	len u32 | crc32c u32 | body | zeros to a multiple of 8
//	body: type u8 | flags u8 | uvarint lsn, synced, event, ref, len(name) | name | params
//
// len counts the body; the checksum is over the run's salt, len, body and padding. Numbers are
// little endian.
type frame struct {
	events.Record        // Params and Name lie in the buffer that was read
	lsn           uint64 // counts from 1
	synced        uint64 // highest LSN on stable storage when the frame was written
	size          int64  // on disk
	gone          bool   // it is volatile, and the machine was rebooted since
}

const (
	frameAlign = 8
	frameHead  = 8
	bodyMin    = 2 + 5 // type, flags and five numbers below 128
	// maxBody bounds a record, so that a length that is rot is not believed.
	maxBody = 16 << 20

	frameVolatile = 1 // flags
)

// salt makes the frames of a slot's earlier runs fail their checksum.
type salt [8]byte

func (s salt) seed() uint32 { return crc32.Update(0, castagnoli(), s[:]) }

// castagnoli is the table of CRC-32C, for which processors have an instruction.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendFrame appends rec as a frame.
func appendFrame(dst []byte, seed uint32, lsn, synced uint64, rec *events.Record) []byte {
	from := len(dst)
	flags := byte(0)
	if rec.Volatile {
		flags |= frameVolatile
	}
	dst = append(dst, make([]byte, frameHead)...)
	dst = append(dst, byte(rec.Type), flags)
	for _, n := range [...]uint64{lsn, synced, uint64(rec.Event), rec.Ref, uint64(len(rec.Name))} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = append(dst, rec.Name...)
	dst = append(dst, rec.Params...)
	body := len(dst) - from - frameHead
	for (len(dst)-from)%frameAlign != 0 {
		dst = append(dst, 0)
	}
	f := dst[from:]
	binary.LittleEndian.PutUint32(f, uint32(body)) //nolint:gosec // Append refuses more than maxBody
	binary.LittleEndian.PutUint32(f[4:], frameSum(seed, f))
	return dst
}

// frameSum is the checksum of the padded frame f.
func frameSum(seed uint32, f []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli(), f[:4]), castagnoli(), f[frameHead:])
}

// readFrame reads the frame at the start of b. false: there is none that verifies.
func readFrame(b []byte, seed uint32) (f frame, ok bool) {
	if len(b) < frameHead+bodyMin {
		return f, false
	}
	n := int64(binary.LittleEndian.Uint32(b))
	f.size = (frameHead + n + frameAlign - 1) &^ (frameAlign - 1)
	if n < bodyMin || n > maxBody || f.size > int64(len(b)) {
		return f, false
	}
	if binary.LittleEndian.Uint32(b[4:]) != frameSum(seed, b[:f.size]) {
		return f, false
	}
	b = slices.Clip(b[frameHead : frameHead+n])
	f.Type, f.Volatile = events.RecordType(b[0]), b[1]&frameVolatile != 0
	b = b[2:]
	var nums [5]uint64
	for i := range nums {
		v, w := binary.Uvarint(b)
		if w <= 0 {
			return f, false
		}
		nums[i], b = v, b[w:]
	}
	if nums[4] > uint64(len(b)) {
		return f, false
	}
	f.lsn, f.synced, f.Event, f.Ref = nums[0], nums[1], events.ID(nums[2]), nums[3]
	f.Name, f.Params = string(b[:nums[4]]), b[nums[4]:]
	return f, f.lsn > 0
}
