package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/libioc/ioc/fault"
)

// syncEvery is how much may be got again after a kill where no digest vouches for what is there.
const syncEvery = 32 << 20

// copy appends the body to the part, which it cuts to from first.
func (g *getting) copy(ctx context.Context, body io.Reader, from int64, n notes, w *watch) (err error) {
	f, err := os.OpenFile(g.file.part, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return g.failed(fault.Unknown, err)
	}
	defer func() { err = errors.Join(err, g.failed(fault.Unknown, f.Close())) }()
	if err := f.Truncate(from); err != nil {
		return g.failed(fault.Unknown, err)
	}
	at, total := from, g.total(n)
	keep := func() error { // what is there can be gone on from
		if g.r.SHA256 != "" || n.Synced == at {
			return nil
		}
		if err := f.Sync(); err != nil {
			return g.failed(fault.Unknown, err)
		}
		n.Synced = at
		return g.note(n)
	}
	buf := make([]byte, 64<<10)
	for {
		got, readErr := body.Read(buf)
		w.pause()
		if at+int64(got) > g.r.Max {
			return fault.New("download", fault.Invalid, g.url.Redacted(), fmt.Errorf("it has more than %d bytes", g.r.Max))
		}
		if _, err := f.WriteAt(buf[:got], at); err != nil {
			return g.failed(fault.Unknown, err)
		}
		at += int64(got)
		if at-n.Synced >= syncEvery {
			if err := keep(); err != nil {
				return err
			}
		}
		if err := g.report(at, total); err != nil {
			return errors.Join(err, keep())
		}
		if readErr != nil {
			return g.ended(ctx, readErr, at, total, keep())
		}
		w.resume(got)
	}
}

// ended tells a body that came to its end from one that was cut.
func (g *getting) ended(ctx context.Context, read error, at, total int64, kept error) error {
	if kept != nil {
		return kept
	}
	if !errors.Is(read, io.EOF) {
		return g.broken(ctx, read)
	}
	if total > 0 && at != total {
		return g.broken(ctx, io.ErrUnexpectedEOF)
	}
	return nil
}

// report says how much is done: at first, at last, and now and then.
func (g *getting) report(at, total int64) error {
	if at != total && g.said > 0 && at >= g.said && at-g.said < max(128<<10, total/200) {
		return nil
	}
	g.said = at
	return g.say(at, total)
}
