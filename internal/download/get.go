package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

// getting is one call of Get.
type getting struct {
	*Cache
	r    Request
	url  *url.URL
	file entry
	run  *events.RunInfo
	say  func(done, total int64) error
	said int64
}

// get makes the entry whole; fresh tells that something had to be got for it.
func (g *getting) get(ctx context.Context) (fresh bool, err error) {
	if err := os.MkdirAll(g.Dir, 0o700); err != nil {
		return false, g.failed(fault.Unknown, err)
	}
	release, err := g.alone(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if g.r.SHA256 != "" {
		switch is, err := sum(ctx, g.file.whole); {
		case err == nil && is == g.r.SHA256:
			return false, nil
		case err == nil: // it rotted
			err = os.Remove(g.file.whole)
			if err != nil {
				return false, g.failed(fault.Unknown, err)
			}
		case !errors.Is(err, fs.ErrNotExist):
			return false, g.failed(fault.Unknown, err)
		}
	}
	return g.persist(ctx)
}

// alone takes the entry's lock. While another has it, its progress is ours; one that makes none for
// too long has failed, and so have we.
func (g *getting) alone(ctx context.Context) (release func(), err error) {
	patience := 2 * positive(g.Stall, defaultStall) * time.Duration(1+positive(g.Attempts, defaultAttempts))
	var seen int64
	var waited time.Duration
	return g.lock(ctx, g.run, g.file.key, g.named, func(held error) error {
		if n := size(g.file.part); n != seen {
			seen, waited = n, 0
			if err := g.say(n, g.total(g.read())); err != nil {
				return err
			}
		}
		if waited > patience {
			return g.named(held)
		}
		waited += lockPause
		return nil
	})
}

// persist asks again as long as each attempt brings something, and a few times if it does not.
func (g *getting) persist(ctx context.Context) (fresh bool, err error) {
	most, pause := positive(g.Attempts, defaultAttempts), positive(g.Pause, defaultPause)
	began := g.kept() > 0
	for tried := 0; ; {
		had := g.kept()
		current, err := g.attempt(ctx)
		if current {
			return false, nil
		}
		if err == nil {
			err = g.accept(ctx)
		}
		_, wrong := errors.AsType[*wrongDigest](err)
		switch {
		case err == nil:
			return true, nil
		case wrong && began: // what was there from before may be another file's beginning
			began = false
			continue
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case !passes(err):
			return false, err
		}
		if tried++; g.kept()-had >= positive(g.Pace, defaultPace) {
			tried = 0
		}
		if tried >= most {
			return false, err
		}
		wait := time.NewTimer(pause << min(tried, 5))
		select {
		case <-ctx.Done():
			wait.Stop()
			return false, context.Cause(ctx)
		case <-wait.C:
		}
	}
}

// wrongDigest is a complete download of something else.
type wrongDigest struct{ is, want string }

func (w *wrongDigest) Error() string {
	return fmt.Sprintf("its digest is sha256:%s, want sha256:%s", w.is, w.want)
}

// accept makes the whole file of the part, if it is what was asked for.
func (g *getting) accept(ctx context.Context) error {
	if g.r.SHA256 != "" {
		is, err := sum(ctx, g.file.part)
		if err != nil {
			return g.failed(fault.Unknown, err)
		}
		if is != g.r.SHA256 {
			if err := os.Remove(g.file.part); err != nil {
				return g.failed(fault.Unknown, err)
			}
			return fault.New("download", fault.Corrupt, g.url.Redacted(), &wrongDigest{is, g.r.SHA256}).
				WithRemedy("try another mirror, or correct the digest")
		}
	}
	err := sync(g.file.part)
	if err == nil {
		err = os.Rename(g.file.part, g.file.whole)
	}
	if err == nil {
		err = sync(g.Dir)
	}
	return g.failed(fault.Unknown, err)
}

// kept is how much of the file is there and can be gone on from. Without a digest that would tell,
// it is what was surely on the disk: after a power cut the rest of it may be anything.
func (g *getting) kept() int64 {
	n := size(g.file.part)
	if g.r.SHA256 == "" {
		return min(n, g.read().Synced)
	}
	return n
}

// failed introduces an error of the file system.
func (g *getting) failed(kind fault.Kind, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New("download", fault.NoSpace, g.url.Redacted(), err).
			WithRemedy("make room, then try again: it goes on where it was broken off")
	case errors.Is(err, fs.ErrPermission):
		kind = fault.Denied
	}
	return fault.New("download", kind, g.url.Redacted(), err)
}

func (g *getting) named(err error) error {
	return g.failed(fault.Unknown, err)
}

// sum is the file's SHA-256 in hexadecimal.
func sum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // read-only
	h := sha256.New()
	if _, err := io.Copy(h, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return f.Read(p)
	})); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// sync makes a file, or the names in a directory, durable.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func size(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func positive[T int | int64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
