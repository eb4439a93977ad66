package release

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/libioc/ioc/fault"
)

// input counts what is read, and ends when ctx does. A decompressor may read ahead on its own goroutine.
type input struct {
	r    io.Reader
	ctx  context.Context //nolint:containedctx // io.Reader has no other way
	hash io.Writer
	n    atomic.Int64
	bad  atomic.Bool // it could not be read

	reading, stopped atomic.Bool
}

// errStopped ends a goroutine that reads for nobody any more.
var errStopped = errors.New("nobody reads on")

// alongside runs f on a goroutine, the only one that reads until it has ended. The function that it gives, which may be called
// more than once, tells it to stop and waits for it. A read that is under way is not waited for: whoever is to be
// read from may never answer.
func (in *input) alongside(f func(stop <-chan struct{})) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f(stop)
	}()
	return sync.OnceFunc(func() {
		select {
		case <-done:
			return
		default:
		}
		in.stopped.Store(true)
		close(stop)
		if !in.reading.Load() {
			<-done
			in.stopped.Store(false) // what is left is whoever's who reads on
		}
	})
}

func (in *input) Read(p []byte) (int, error) {
	if in.ctx.Err() != nil {
		return 0, context.Cause(in.ctx)
	}
	in.reading.Store(true)
	if in.stopped.Load() { // after the mark: one of both sees the other's
		in.reading.Store(false)
		return 0, errStopped
	}
	n, err := in.r.Read(p)
	in.reading.Store(false)
	if err != nil && !errors.Is(err, io.EOF) {
		in.bad.Store(true)
	}
	in.n.Add(int64(n))
	if in.hash != nil {
		if _, bad := in.hash.Write(p[:n]); bad != nil {
			return n, bad
		}
	}
	return n, err
}

// tail is the last of what was read.
type tail [1024]byte

func (t *tail) remember(p []byte) {
	if len(p) >= len(t) {
		copy(t[:], p[len(p)-len(t):])
		return
	}
	copy(t[:], t[len(p):])
	copy(t[len(t)-len(p):], p)
}

// unpacked is what a decompressor makes of an input. What it does not understand is the input's fault.
type unpacked struct {
	io.Reader
	in *input
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !u.in.bad.Load() && u.in.ctx.Err() == nil && fault.KindOf(err) == fault.Unknown {
		err = fault.New("", fault.Corrupt, "", err).WithRemedy("get it again")
	}
	return n, err
}

// budget is a reader of which only so much may come.
type budget struct {
	r    io.Reader
	left int64
	full error     // returned when there is more
	hash io.Writer // of all that is read, if not nil
	end  tail
}

func (b *budget) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.left <= 0 {
		return 0, b.full
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.end.remember(p[:n])
	if b.hash != nil {
		_, _ = b.hash.Write(p[:n]) // a hash does not fail
	}
	return n, err
}

// ended reports whether two blocks of zeros came last: an archive ends so, or it was cut off.
func (b *budget) ended() bool { return b.end == tail{} }
