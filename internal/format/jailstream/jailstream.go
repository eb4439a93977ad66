// Package jailstream is the form in which a snapshot of a jail travels: what it is, the streams of its file systems one
// after the other, and a sum over all of it, so that what was cut off or has changed on its way is told from what is whole.
//
// It owns the frame. It refuses to know what is in the streams, and what a jail is.
//
//	"iocjail1"                            eight bytes
//	'h' LENGTH HEAD                       once: a Head, in JSON
//	'd' LENGTH DATA ... 'e' 0             for each of Head.Parts: its stream in pieces, and its end
//	's' 32 SUM                            SHA-256 of all before
//
// A LENGTH is four bytes, the highest first.
package jailstream

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

const magic = "iocjail1"

// The frames.
const (
	frameHead = 'h'
	frameData = 'd'
	frameEnd  = 'e'
	frameSum  = 's'
)

// Bounds of frames. A head has a jail's configuration in it.
const (
	headMax = 16 << 20
	dataMax = 1 << 20
)

// Reasons why a stream cannot be read.
var (
	ErrForeign   = errors.New("it is no stream of a jail")
	ErrTruncated = errors.New("it ends before its end: it was cut off")
	ErrDamaged   = errors.New("it is not what was sent: its sum is wrong")
)

// Head is what a stream says of itself.
type Head struct {
	Form     string            `json:"form"`           // whose the streams are: "zfs"
	Jail     string            `json:"jail"`           // what the jail was called
	Snapshot string            `json:"snapshot"`       // what the snapshot was called
	Base     string            `json:"base,omitempty"` // what the one was called that it goes on from; empty: it is whole
	Size     int64             `json:"size,omitempty"` // about how many bytes the streams have; 0: not known
	Parts    []Part            `json:"parts"`          // at least one
	Files    map[string]string `json:"files"`          // the small files beside, as they were when it was sent
}

// Part is one stream.
type Part struct {
	Path string `json:"path"`           // below the jail's: "root"
	ID   string `json:"id"`             // of the snapshot, wherever it is received
	Base string `json:"base,omitempty"` // of the one that it goes on from; empty: it is whole
}

// Writer writes a stream: all of a part by Write, then EndPart, for each of the head's parts, then Close.
type Writer struct {
	w   io.Writer
	sum hash.Hash
}

// NewWriter writes the head.
func NewWriter(w io.Writer, h *Head) (*Writer, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > headMax {
		return nil, fmt.Errorf("the files beside the jail's have %d bytes, %d are allowed", len(text), headMax)
	}
	x := &Writer{w: w, sum: sha256.New()}
	if err := x.put([]byte(magic)); err != nil {
		return nil, err
	}
	return x, x.frame(frameHead, text)
}

func (x *Writer) put(data []byte) error {
	x.sum.Write(data)
	_, err := x.w.Write(data)
	return err
}

func (x *Writer) frame(kind byte, data []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data))) //nolint:gosec // it has a bound
	if err := x.put(head); err != nil || len(data) == 0 {
		return err
	}
	return x.put(data)
}

// Write writes what follows of a part.
func (x *Writer) Write(data []byte) (n int, err error) {
	for len(data) > 0 {
		piece := data[:min(len(data), dataMax)]
		if err := x.frame(frameData, piece); err != nil {
			return n, err
		}
		n, data = n+len(piece), data[len(piece):]
	}
	return n, nil
}

// EndPart ends a part.
func (x *Writer) EndPart() error { return x.frame(frameEnd, nil) }

// Close writes the sum. It does not close what is written to.
func (x *Writer) Close() error { return x.frame(frameSum, x.sum.Sum(nil)) }

// Reader reads a stream: Read to the end of a part, Next, for each of the head's parts, then Close.
type Reader struct {
	Head Head

	r    *bufio.Reader
	sum  hash.Hash
	left int   // of the data frame
	end  bool  // of the part
	err  error // for ever
}

// NewReader reads the head.
func NewReader(r io.Reader) (*Reader, error) {
	x := &Reader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
	var first [len(magic)]byte
	n, err := io.ReadFull(x.r, first[:])
	switch {
	case string(first[:n]) != magic[:n], n == 0 && errors.Is(err, io.EOF):
		return nil, ErrForeign
	case err != nil:
		return nil, cut(err)
	}
	x.sum.Write(first[:])
	kind, length, err := x.header()
	switch {
	case err != nil:
		return nil, err
	case kind != frameHead || length > headMax:
		return nil, ErrForeign
	}
	text := make([]byte, length)
	if err := x.fill(text); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &x.Head); err != nil || len(x.Head.Parts) == 0 {
		return nil, ErrForeign
	}
	return x, nil
}

// cut tells an end that comes too early from other errors.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

func (x *Reader) fill(data []byte) error {
	if _, err := io.ReadFull(x.r, data); err != nil {
		return cut(err)
	}
	x.sum.Write(data)
	return nil
}

func (x *Reader) header() (kind byte, length int, err error) {
	var head [5]byte
	if err := x.fill(head[:]); err != nil {
		return 0, 0, err
	}
	return head[0], int(binary.BigEndian.Uint32(head[1:])), nil
}

// Read reads what follows of a part, up to io.EOF.
func (x *Reader) Read(data []byte) (int, error) {
	for x.err == nil && !x.end && x.left == 0 {
		kind, length, err := x.header()
		switch {
		case err != nil:
			x.err = err
		case kind == frameData && length <= dataMax:
			x.left = length
		case kind == frameEnd && length == 0:
			x.end = true
		default:
			x.err = ErrDamaged
		}
	}
	if x.err != nil {
		return 0, x.err
	}
	if x.end {
		return 0, io.EOF
	}
	n, err := x.r.Read(data[:min(len(data), x.left)])
	x.left -= n
	x.sum.Write(data[:n])
	if err != nil {
		x.err = cut(err)
	}
	if n > 0 {
		return n, nil
	}
	return 0, x.err
}

// Next skips what is left of a part, and goes to the next one.
func (x *Reader) Next() error {
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{x}); err != nil {
		return err
	}
	x.end = false
	return nil
}

// Close reads the sum, and says whether all of the stream came as it was sent.
func (x *Reader) Close() error {
	if x.err != nil {
		return x.err
	}
	want := x.sum.Sum(nil)
	kind, length, err := x.header()
	if err != nil {
		return err
	}
	got := make([]byte, sha256.Size)
	if kind != frameSum || length != len(got) {
		return ErrDamaged
	}
	if err := x.fill(got); err != nil {
		return err
	}
	if string(got) != string(want) {
		return ErrDamaged
	}
	return nil
}
