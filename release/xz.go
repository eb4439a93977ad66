package release

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/mikelolasagasti/xz"

	"github.com/libioc/ioc/fault"
)

// newXZ unpacks xz. The blocks of a stream that was made by several threads (xz -T) say how long they are, so that
// they can be unpacked at the same time. Nobody tells where the others end but the decoder.
func newXZ(in *input, r *bufio.Reader) (io.Reader, func(), error) {
	several := false
	if head, err := r.Peek(xzHead + xzBlockHeadMax); err == nil || errors.Is(err, io.EOF) {
		s, err := xzSizes(head[min(xzHead, len(head)):])
		several = err == nil && s.fits() && runtime.GOMAXPROCS(0) > 1
	}
	if program := xzProgram(in.ctx, several); program != "" {
		return xzAside(in, r, program, several)
	}
	if several {
		x := &xzBlocks{in: in, r: r}
		return x, x.begin(), nil
	}
	z, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, func() {}, wrongXZ(err)
	}
	a, end := readAhead(in, xzReader{z})
	return a, end, nil
}

// xzReader says what is wrong in the words of this package.
type xzReader struct{ *xz.Reader }

func (z xzReader) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	return n, wrongXZ(err)
}

func wrongXZ(err error) error {
	switch {
	case errors.Is(err, xz.ErrMemlimit):
		return fault.New("", fault.Invalid, "", fmt.Errorf("it needs a dictionary of more than %d bytes", maxWindow))
	case errors.Is(err, xz.ErrBuf):
		return io.ErrUnexpectedEOF
	}
	return err
}

// Sizes of the xz file format, version 1.2.1: https://tukaani.org/xz/xz-file-format.txt.
const (
	xzHead         = 12   // of a stream header
	xzFoot         = 12   // of a stream footer
	xzBlockHeadMax = 1024 // of a block header
	xzBlockMax     = 64 << 20
	xzLanes        = 4 // blocks that are unpacked at once, which bounds the memory that they take
)

// xzSize is what a block header says.
type xzSize struct {
	head          int64 // of the header itself
	packed, plain int64 // of the block without header, padding and check; and of its content
}

func (s xzSize) fits() bool { return s.plain <= xzBlockMax && s.packed <= s.plain+s.plain/1024+1024 }

// xzSizes reads a block header, section 3.1. The decoder will check it.
func xzSizes(head []byte) (s xzSize, err error) {
	if len(head) < 8 || head[0] == 0 {
		return s, errors.New("it is no block header")
	}
	s.head = (int64(head[0]) + 1) * 4
	if int64(len(head)) < s.head || head[1]&0xc0 != 0xc0 {
		return s, errors.New("it does not say how long the block is")
	}
	rest := head[2:s.head]
	for _, v := range []*int64{&s.packed, &s.plain} {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > 1<<62 {
			return s, errors.New("its size is none")
		}
		*v, rest = int64(n), rest[used:]
	}
	return s, nil
}

// xzTail is what follows the blocks of a stream: index and footer, sections 4 and 2.1.2.
func xzTail(flags []byte, sizes []xzSize, check int64) []byte {
	b := binary.AppendUvarint([]byte{0}, uint64(len(sizes)))
	for _, s := range sizes {
		b = binary.AppendUvarint(b, uint64(s.head+s.packed+check)) //nolint:gosec // at most a block's
		b = binary.AppendUvarint(b, uint64(s.plain))               //nolint:gosec // at most a block's
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(b)/4-1)) //nolint:gosec // there are not so many blocks
	foot = append(foot, flags...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(foot))
	return append(append(b, foot...), 'Y', 'Z')
}

// xzCheck is how long the check of each block is, by the stream's flags; section 3.4.
func xzCheck(flags []byte) int64 {
	sizes := [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
	return sizes[flags[1]&15]
}

// xzBlocks unpacks several blocks at once, and gives them in their order.
type xzBlocks struct {
	in    *input
	r     *bufio.Reader
	order chan *xzBlock
	free  chan *xzBlock
	at    *xzBlock
	left  []byte // of at
}

// xzBlock is a stream of one block, and its content when it is done.
type xzBlock struct {
	packed, plain []byte
	z             *xz.Reader
	err           error // of what comes after the content
	done          chan struct{}
}

func (x *xzBlocks) begin() (end func()) {
	lanes := min(runtime.GOMAXPROCS(0), xzLanes)
	x.order, x.free = make(chan *xzBlock, lanes+1), make(chan *xzBlock, lanes+1)
	for range lanes + 1 { // one is being read while the others are unpacked
		x.free <- &xzBlock{done: make(chan struct{}, 1)}
	}
	return x.in.alongside(func(stop <-chan struct{}) {
		defer close(x.order)
		lane := make(chan struct{}, lanes)
		for range lanes {
			lane <- struct{}{}
		}
		defer func() {
			for range lanes { // all have ended
				<-lane
			}
		}()
		next := x.split()
		for {
			var b *xzBlock
			select {
			case b = <-x.free:
			case <-stop:
				return
			}
			if b.packed, b.plain, b.err = next(b.packed[:0], b.plain); b.err != nil {
				b.plain = b.plain[:0]
				b.done <- struct{}{}
				x.order <- b
				return
			}
			x.order <- b
			<-lane
			go func() {
				b.unpack()
				b.done <- struct{}{}
				lane <- struct{}{}
			}()
		}
	})
}

// unpack fills plain, which is as long as it is to be.
func (b *xzBlock) unpack() {
	in := bytes.NewReader(b.packed)
	if b.z == nil {
		b.z, b.err = xz.NewReader(in, maxWindow)
	} else {
		b.err = b.z.Reset(in)
	}
	if b.err == nil {
		_, b.err = io.ReadFull(b.z, b.plain)
	}
	if b.err == nil { // the end of it checks the rest
		_, b.err = io.Copy(io.Discard, b.z)
	}
	if b.err != nil {
		b.plain = b.plain[:0]
	}
	b.err = wrongXZ(b.err)
}

// split gives a function that reads one block after the other, each as a stream of its own. After the last it
// gives io.EOF.
func (x *xzBlocks) split() func(packed, plain []byte) ([]byte, []byte, error) {
	var head []byte
	var sizes []xzSize
	streams := 0
	return func(packed, plain []byte) ([]byte, []byte, error) {
		for {
			if head == nil {
				err := x.padding(streams > 0)
				if err == nil {
					head, err = x.take(nil, xzHead)
				}
				if err != nil {
					return packed, plain, err
				}
				streams++
			}
			flags := head[6:8]
			check := xzCheck(flags)
			first, err := x.r.Peek(1)
			if err != nil {
				return packed, plain, cutOff(err)
			}
			if first[0] == 0 {
				want := xzTail(flags, sizes, check)
				is, err := x.take(nil, len(want))
				if err == nil && !bytes.Equal(is, want) {
					err = xz.ErrData
				}
				if err != nil {
					return packed, plain, err
				}
				head, sizes = nil, nil
				continue
			}
			block, err := x.r.Peek((int(first[0]) + 1) * 4)
			if err != nil {
				return packed, plain, cutOff(err)
			}
			s, err := xzSizes(block)
			if err == nil && !s.fits() {
				err = errors.New("a block is too long")
			}
			if err != nil {
				return packed, plain, fault.New("", fault.NotSupported, "", fmt.Errorf("the blocks of its stream are of several kinds: %w", err)).
					WithRemedy("pack it again: xz -dc FILE | xz")
			}
			sizes = append(sizes, s)
			packed = append(packed, head...)
			if packed, err = x.take(packed, int(s.head+(s.packed+3)&^3+check)); err != nil {
				return packed, plain, err
			}
			packed = append(packed, xzTail(flags, []xzSize{s}, check)...)
			if int64(cap(plain)) < s.plain {
				plain = make([]byte, s.plain)
			}
			return packed, plain[:s.plain], nil
		}
	}
}

// padding reads what may be between streams, section 2.2; io.EOF if none follows.
func (x *xzBlocks) padding(after bool) error {
	for {
		p, err := x.r.Peek(4)
		switch {
		case len(p) == 0 && after && errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return cutOff(err)
		case !after || !bytes.Equal(p, make([]byte, 4)):
			return nil
		}
		if _, err := x.r.Discard(4); err != nil {
			return err
		}
	}
}

// take appends the next n bytes to b.
func (x *xzBlocks) take(b []byte, n int) ([]byte, error) {
	at := len(b)
	if cap(b)-at < n {
		b = append(make([]byte, 0, at+n+xzHead+xzFoot+64), b...)
	}
	b = b[:at+n]
	_, err := io.ReadFull(x.r, b[at:])
	return b, cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *xzBlocks) Read(p []byte) (int, error) {
	for len(x.left) == 0 {
		if x.at != nil {
			if err := x.at.err; err != nil {
				for errors.Is(err, io.EOF) { // until the goroutine has ended
					if _, ok := <-x.order; !ok {
						break
					}
				}
				return 0, err
			}
			x.free <- x.at
			x.at = nil
		}
		var ok bool
		select {
		case x.at, ok = <-x.order:
			if !ok {
				return 0, errStopped
			}
		case <-x.in.ctx.Done():
			return 0, context.Cause(x.in.ctx)
		}
		select {
		case <-x.at.done:
		case <-x.in.ctx.Done():
			return 0, context.Cause(x.in.ctx)
		}
		x.left = x.at.plain
	}
	n := copy(p, x.left)
	x.left = x.left[n:]
	return n, nil
}
