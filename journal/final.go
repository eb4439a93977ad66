package journal

import (
	"encoding/binary"
)

// encodeFinal is the content of a SEALED or COMMIT record: what became final (all of it, at COMMIT),
// and the keys under which effects are kept.
func encodeFinal(dst []byte, lsns []uint64, keys []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(lsns)))
	last := uint64(0)
	for _, lsn := range lsns {
		dst = binary.AppendUvarint(dst, lsn-last) // mostly 1
		last = lsn
	}
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for _, k := range keys {
		dst = binary.AppendUvarint(dst, uint64(len(k)))
		dst = append(dst, k...)
	}
	return dst
}

// decodeFinal reads as much as is right: its frame has verified.
func decodeFinal(b []byte) (lsns []uint64, keys []string) {
	last := uint64(0)
	for n := number(&b); n > 0 && len(b) > 0; n-- {
		last += number(&b)
		lsns = append(lsns, last)
	}
	for n := number(&b); n > 0 && len(b) > 0; n-- {
		k := min(number(&b), uint64(len(b)))
		keys = append(keys, string(b[:k]))
		b = b[k:]
	}
	return lsns, keys
}

func number(b *[]byte) uint64 {
	v, w := binary.Uvarint(*b)
	if w <= 0 {
		*b = nil
		return 0
	}
	*b = (*b)[w:]
	return v
}
