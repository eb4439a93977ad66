package zfs

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/libioc/ioc/internal/run"
)

func parseLevel(s string) (int, error) { return strconv.Atoi(s) }

// pipe runs zfs send into zfs receive. Count, which may be nil, sees the stream. If one of the two
// fails the other ends by itself: its end of the pipe is closed.
func pipe(ctx context.Context, send, receive []string, count func([]byte)) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	from, to := run.Command(argv("zfs", send)...), run.Command(argv("zfs", receive)...)
	to.ExtraFiles = slot(ctx)
	to.Stdin = r
	if from.Stdout = w; count != nil {
		from.Stdout = &counter{w, count}
	}
	var sent, received error
	var wg sync.WaitGroup
	wg.Go(func() {
		_, sent = invoke(ctx, from)
		sent = errors.Join(sent, w.Close())
	})
	_, received = invoke(ctx, to)
	_ = r.Close() // the command has its own; a sender that still writes must not wait for ever
	wg.Wait()
	if received != nil {
		return received
	}
	return sent
}

// counter shows what is written to w.
type counter struct {
	w     io.Writer
	count func([]byte)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.count(p[:n])
	return n, err
}
