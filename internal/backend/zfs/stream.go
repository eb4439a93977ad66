package zfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// pump runs zfs and lets it write to w, on the caller's goroutine. It has no bound: who reads may be slow. If w refuses, the
// command is let go, and the error is w's.
func pump(ctx context.Context, w io.Writer, args ...string) error {
	r, end, err := os.Pipe()
	if err != nil {
		return err
	}
	c := run.Command(argv("zfs", args)...)
	c.Stdout = end
	var sent error
	var wg sync.WaitGroup
	wg.Go(func() {
		_, sent = invoke(ctx, c)
		_ = end.Close() // only now does the reader see the end
	})
	_, refused := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 256<<10))
	_ = r.Close() // a command that still writes must not wait for ever
	wg.Wait()
	if refused != nil {
		return refused
	}
	return sent
}

// feed runs zfs and gives it what r has, on the caller's goroutine. While that comes the command has no bound: who sends may be
// slow; then it has that of a change. If r fails, the command is told so by an early end, and the error is r's.
func feed(ctx context.Context, r io.Reader, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin, w, err := os.Pipe()
	if err != nil {
		return err
	}
	c := run.Command(argv("zfs", args)...)
	c.Stdin, c.ExtraFiles = begin, slot(ctx)
	var received error
	var wg sync.WaitGroup
	wg.Go(func() {
		_, received = invoke(ctx, c)
		_ = begin.Close() // what nobody reads any more must not be waited for
	})
	source := &failing{r: r}
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, source, make([]byte, 256<<10)) // a command that takes no more says why
	_ = w.Close()
	bound := time.AfterFunc(changeTimeout, cancel)
	defer bound.Stop()
	wg.Wait()
	if source.err != nil {
		return source.err
	}
	return received
}

// failing remembers why its reader failed.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// beginning is what every stream of zfs send begins with: a dmu_replay_record of the type DRR_BEGIN (sys/zfs_ioctl.h),
// in the byte order of the machine that sends.
const (
	beginningLength = 312
	beginningMagic  = 0x2F5bacbac // DMU_BACKUP_MAGIC
	substream       = 1           // DMU_SUBSTREAM; a compound stream brings properties along, mount points among them
)

// opening reads the beginning of a stream, which must be of one file system, go on from the snapshot with the GUID base ("" or "0" for
// none), and lead to the one with the GUID id; it gives all of the stream.
func opening(r io.Reader, id, base string) (io.Reader, error) {
	var b [beginningLength]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fault.New("", fault.Corrupt, "", errors.New("it is too short to be a stream of ZFS"))
		}
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint64(b[8:]) != beginningMagic {
		order = binary.BigEndian
	}
	no := func(format string, a ...any) (io.Reader, error) {
		return nil, fault.New("", fault.Corrupt, "", fmt.Errorf(format, a...))
	}
	guid := func(at int) string { return strconv.FormatUint(order.Uint64(b[at:]), 10) }
	switch {
	case order.Uint64(b[8:]) != beginningMagic:
		return no("it is no stream of ZFS")
	case order.Uint64(b[16:])&3 != substream:
		return no("it is not of one file system alone")
	case guid(40) != id || guid(48) != base && (base != "" || guid(48) != "0"):
		return no("its streams are not those that it says it has")
	}
	return io.MultiReader(bytes.NewReader(b[:]), r), nil
}
