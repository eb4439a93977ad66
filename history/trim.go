package history

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/libioc/ioc/events"
)

// turn tells whether it is a run's turn to look at all streams, which takes a call of the kernel for each: chance,
// that is the last byte of its ID, chooses one in forty of a thousand, and all where few are kept.
func (d *Dir) turn(id events.RunID) bool {
	return int(id[len(id)-1])%min(max(d.limits.Count/25, 1), 128) == 0
}

// unwritten is how old a file without content must be to be one that a killed process left.
const unwritten = time.Hour

// trim removes the oldest streams after that of id, with so many bytes, was added, if there are too many. It then makes
// room for some more, so that it has not to be done again at once.
func (d *Dir) trim(id events.RunID, size int64) error {
	if !d.turn(id) && size < d.limits.Bytes/64 {
		return nil
	}
	all, err := d.runs()
	if err != nil {
		return err
	}
	var sum int64
	sizes := make([]int64, len(all))
	for i, id := range all {
		if info, err := os.Lstat(d.file(id)); err == nil { // else another process has removed it
			sizes[i] = info.Size()
		}
		sum += sizes[i]
	}
	count, most, bytes := len(all), d.limits.Count, d.limits.Bytes
	if count > most || sum > bytes {
		most, bytes = most-most/8, bytes-bytes/8
	}
	for i, old := range all {
		if count <= most && sum <= bytes || old == id {
			return nil
		}
		if sizes[i] == 0 && began(id).Sub(began(old)) < unwritten {
			continue
		}
		gone, err := d.removeOver(old)
		if err != nil {
			return err
		}
		if gone {
			count--
			sum -= sizes[i]
		}
	}
	return nil
}

// began is when the run was started: the time in its ID.
func began(id events.RunID) time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms)
}

// removeOver removes a stream unless its run is alive.
func (d *Dir) removeOver(id events.RunID) (bool, error) {
	f, err := os.Open(d.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if held, err := isHeld(f); held || err != nil {
		return false, err
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}
