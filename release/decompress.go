package release

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/libioc/ioc/fault"
)

// maxWindow bounds the memory that a compressed stream may ask for. xz -9 and zstd --ultra -22 need it.
const maxWindow = 128 << 20

// decompress finds out by its first bytes how r is compressed. Names of files lie, and a pipe has none.
func decompress(r io.Reader) (tar io.Reader, format string, end func(), err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", nil, err
	}
	none := func() {}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		return z, "gzip", none, err
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		if size := xzWindow(head); size > maxWindow {
			return nil, "xz", none, fault.New("", fault.Invalid, "", fmt.Errorf("it needs a dictionary of %d bytes, more than %d", size, maxWindow))
		}
		z, err := xz.NewReader(in)
		return z, "xz", none, err
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) > 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
		if err != nil {
			return nil, "zstd", none, err
		}
		return z, "zstd", z.Close, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(in), "bzip2", none, nil
	case len(head) >= 262 && string(head[257:262]) == "ustar", len(head) == 512 && (oldTar(head) || bytes.Trim(head, "\x00") == nil):
		return in, "tar", none, nil
	default:
		return nil, "", none, fault.New("", fault.Invalid, "", errors.New("it is no tar archive, plain or compressed by gzip, xz, zstd or bzip2"))
	}
}

// oldTar recognises a header without a magic number by its checksum.
func oldTar(head []byte) bool {
	var want, got int64
	if _, err := fmt.Sscanf(string(bytes.Trim(head[148:156], " \x00")), "%o", &want); err != nil {
		return false
	}
	for i, b := range head {
		if i >= 148 && i < 156 {
			b = ' '
		}
		got += int64(b)
	}
	return got == want
}

// xzWindow reads the size of the dictionary from the first block's header: stream header of 12
// bytes, size, flags, two optional sizes, then per filter an id, a length and properties.
func xzWindow(head []byte) int64 {
	if len(head) < 32 {
		return 0
	}
	block := bytes.NewReader(head[13:])
	flags, _ := block.ReadByte()
	varint := func() (v uint64) {
		for shift := 0; shift < 63; shift += 7 {
			b, err := block.ReadByte()
			if v |= uint64(b&0x7f) << shift; err != nil || b < 0x80 {
				return v
			}
		}
		return v
	}
	if flags&0x40 != 0 {
		varint()
	}
	if flags&0x80 != 0 {
		varint()
	}
	for range flags&3 + 1 {
		id, size := varint(), varint()
		props := make([]byte, min(size, 32))
		if _, err := io.ReadFull(block, props); err != nil {
			return 0
		}
		if id == 0x21 && size == 1 { // LZMA2
			bits := props[0] & 0x3f
			return int64(2|bits&1) << (bits/2 + 11)
		}
	}
	return 0
}
