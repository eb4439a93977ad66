package release

import (
	"context"
	"io"
)

// ahead reads on a goroutine of its own, so that what comes is decompressed and hashed while what came is written.
type ahead struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no other way
	full chan piece
	free chan []byte
	at   piece
	left []byte // of at
}

// piece is what came next. An error is that of what comes after the data.
type piece struct {
	data []byte
	err  error
}

const (
	pieces    = 4
	pieceSize = 256 << 10
)

// readAhead begins to read r, which reads from in. The function that it gives ends that.
func readAhead(in *input, r io.Reader) (*ahead, func()) {
	a := &ahead{ctx: in.ctx, full: make(chan piece, pieces), free: make(chan []byte, pieces)}
	for range pieces {
		a.free <- make([]byte, pieceSize)
	}
	return a, in.alongside(func(stop <-chan struct{}) {
		defer close(a.full)
		for {
			var p piece
			select {
			case p.data = <-a.free:
			case <-stop:
				return
			}
			n := 0
			for n < pieceSize && p.err == nil {
				var m int
				m, p.err = r.Read(p.data[n:pieceSize])
				n += m
			}
			p.data = p.data[:n]
			a.full <- p // there is room for all that there are
			if p.err != nil {
				return
			}
		}
	})
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.at.err != nil {
			for range a.full { //nolint:revive // until the goroutine has ended
			}
			return 0, a.at.err
		}
		if a.at.data != nil {
			a.free <- a.at.data[:pieceSize]
		}
		select {
		case next, ok := <-a.full:
			if !ok {
				next.err = errStopped
			}
			a.at, a.left = next, next.data
		case <-a.ctx.Done():
			return 0, context.Cause(a.ctx)
		}
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}
