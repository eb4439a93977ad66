package release

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/mikelolasagasti/xz"
)

// blocks is an archive of five blocks that say how long they are, by:
// xz -T2 --block-size=4096 --lzma2=preset=6,dict=4KiB.
func blocks(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/blocks.tar.xz")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// atOnce unpacks blocks at once, whatever they are; inTurn is the decoder alone.
func atOnce(t testing.TB, data []byte) ([]byte, error) {
	in := &input{r: bytes.NewReader(data), ctx: t.Context()}
	x := &xzBlocks{in: in, r: bufio.NewReaderSize(in, 64<<10)}
	end := x.begin()
	defer end()
	return io.ReadAll(x)
}

func inTurn(data []byte) ([]byte, error) {
	z, err := xz.NewReader(bytes.NewReader(data), maxWindow)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// agree: what is unpacked at once is what the decoder alone unpacks, and what that refuses is refused.
func agree(t testing.TB, what string, data []byte) {
	t.Helper()
	want, bad := inTurn(data)
	got, err := atOnce(t, data)
	if (err == nil) != (bad == nil) || err == nil && !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v; want %d bytes, %v", what, len(got), err, len(want), bad)
	}
}

func TestBlocks(t *testing.T) {
	data := blocks(t)
	plain, err := atOnce(t, data)
	if err != nil || len(plain) != 20480 {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	pad := make([]byte, 8)
	agree(t, "two streams", bytes.Join([][]byte{data, data}, nil))
	agree(t, "padding", bytes.Join([][]byte{data, pad, data, pad}, nil))
	agree(t, "half padding", bytes.Join([][]byte{data, pad[:3]}, nil))
	agree(t, "padding first", bytes.Join([][]byte{pad, data}, nil))
	agree(t, "other things", bytes.Join([][]byte{data, []byte("more")}, nil))
	for i := range data {
		if i%31 != 0 && i > 40 && i < len(data)-64 {
			continue
		}
		wrong := bytes.Clone(data)
		wrong[i] ^= 0x10
		agree(t, fmt.Sprintf("byte %d of %d was changed", i, len(data)), wrong)
		if got, err := atOnce(t, data[:i]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %d of %d: %d bytes, %v", i, len(data), len(got), err)
		}
	}
}

// TestNobodyReadsOn: whoever stops reading does not wait for a source that never answers.
func TestNobodyReadsOn(t *testing.T) {
	for name, begin := range map[string]func(in *input) func(){
		"blocks": func(in *input) func() { return (&xzBlocks{in: in, r: bufio.NewReader(in)}).begin() },
		"program": func(in *input) func() {
			_, end, err := xzAside(in, in, installed(t), false)
			if err != nil {
				t.Fatal(err)
			}
			return end
		},
		"ahead": func(in *input) func() { _, end := readAhead(in, in); return end },
	} {
		t.Run(name, func(t *testing.T) {
			silent, w := io.Pipe()
			asked := make(chan struct{}, 1)
			in := &input{ctx: t.Context(), r: readerFunc(func(p []byte) (int, error) {
				asked <- struct{}{}
				return silent.Read(p)
			})}
			end := begin(in)
			<-asked
			end()
			end()
			if err := w.CloseWithError(io.EOF); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCancelled: a source that never answers does not keep a reader whose context is.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent, w := io.Pipe()
	in := &input{ctx: ctx, r: silent}
	r, end := readAhead(in, in)
	cancel()
	if n, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
	end()
	_ = w.Close()
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func FuzzBlocks(f *testing.F) {
	data := blocks(f)
	f.Add(data)
	f.Add(data[:4000])
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := atOnce(t, data); err == nil {
			agree(t, "fuzzed", data)
		}
	})
}

// TestReadsOn: what is left when a decompressor has ended can be read, however close its end was.
func TestReadsOn(t *testing.T) {
	for range 1000 {
		in := &input{ctx: t.Context(), r: bytes.NewReader(make([]byte, 10))}
		r, end := readAhead(in, io.LimitReader(in, 5))
		if n, err := io.Copy(io.Discard, r); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		end()
		if n, err := io.Copy(io.Discard, in); n != 5 || err != nil {
			t.Fatalf("after the end: %d bytes, %v", n, err)
		}
	}
}
