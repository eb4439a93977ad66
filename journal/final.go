package journal

import "encoding/binary"

// kept names a prepared file of retained effects: its key, and the salt in its header, because a run
// may prepare several for one key.
type kept struct {
	key  string
	salt salt
}

// encodeFinal is the content of a SEALED or COMMIT record: what became final (all of it, at COMMIT),
// and the files that count from now on.
func encodeFinal(dst []byte, lsns []uint64, files []kept) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(lsns)))
	last := uint64(0)
	for _, lsn := range lsns {
		dst = binary.AppendUvarint(dst, lsn-last) // mostly 1
		last = lsn
	}
	dst = binary.AppendUvarint(dst, uint64(len(files)))
	for _, k := range files {
		dst = append(dst, k.salt[:]...)
		dst = binary.AppendUvarint(dst, uint64(len(k.key)))
		dst = append(dst, k.key...)
	}
	return dst
}

// decodeFinal reads as much as is right: its frame has verified.
func decodeFinal(b []byte) (lsns []uint64, files []kept) {
	last := uint64(0)
	for n := number(&b); n > 0 && len(b) > 0; n-- {
		last += number(&b)
		lsns = append(lsns, last)
	}
	for n := number(&b); n > 0 && len(b) > len(salt{}); n-- {
		k := kept{salt: salt(b[:len(salt{})])}
		b = b[len(salt{}):]
		size := min(number(&b), uint64(len(b)))
		k.key = string(b[:size])
		files, b = append(files, k), b[size:]
	}
	return lsns, files
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
