package release

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/libioc/ioc/fault"
)

// maxWindow bounds the memory that a compressed stream may ask for. xz -9 and zstd --ultra -22 need it.
const maxWindow = 128 << 20

// decompress finds out by its first bytes how r is compressed. Names of files lie, and a pipe has none. Reading,
// hashing and unpacking go on at the same time as what is done with what is read; end ends that.
func decompress(r *input) (tar io.Reader, format string, end func(), err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", nil, err
	}
	err = nil
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		format = "gzip"
		if tar, err = gzip.NewReader(in); err == nil {
			tar, end = readAhead(r, tar)
		}
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		format = "xz"
		tar, end, err = newXZ(r, in)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) > 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		format = "zstd"
		var z *zstd.Decoder
		if z, err = zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(0)); err == nil {
			tar, end = z, z.Close
		}
	case bytes.HasPrefix(head, []byte("BZh")):
		format = "bzip2"
		tar, end = readAhead(r, bzip2.NewReader(in))
	case len(head) >= 262 && string(head[257:262]) == "ustar", len(head) == 512 && (oldTar(head) || bytes.Trim(head, "\x00") == nil):
		format = "tar"
		tar, end = readAhead(r, in)
	default:
		err = fault.New("", fault.Invalid, "", errors.New("it is no tar archive, plain or compressed by gzip, xz, zstd or bzip2")).
			WithRemedy("name an archive of a root file system")
	}
	return tar, format, end, err
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
