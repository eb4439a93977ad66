package history

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/libioc/ioc/events"
)

// Limits bound what a directory keeps. The zero Limits are 1000 streams and 64 MiB. Not every run looks whether they
// are kept, so there may be a few streams more for a moment.
type Limits struct {
	Count int   // streams
	Bytes int64 // of all streams; one may take a quarter
}

// Dir is a directory of streams. Its methods may be called from any goroutine, and any number of processes
// may use the same directory.
type Dir struct {
	path   string
	limits Limits
	err    atomic.Pointer[error]
}

// In is the directory path, which is made when there is something to keep.
func In(path string, l Limits) *Dir {
	l.Count, l.Bytes = cmp.Or(l.Count, 1000), cmp.Or(l.Bytes, 64<<20)
	return &Dir{path: path, limits: l}
}

// Err is why the stream of a run of this Dir was given up; nil if none was. The last one counts.
func (d *Dir) Err() error {
	if err := d.err.Load(); err != nil {
		return *err
	}
	return nil
}

// suffix ends the name of a stream's file.
const suffix = ".ndjson"

func (d *Dir) file(id events.RunID) string { return filepath.Join(d.path, id.String()+suffix) }

// runs lists the runs that have a file, the oldest first. A directory that is missing has none.
func (d *Dir) runs() ([]events.RunID, error) {
	f, err := os.Open(d.path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make([]events.RunID, 0, len(names))
	for _, name := range names {
		text, ok := strings.CutSuffix(name, suffix)
		if id, err := events.ParseRunID(text); ok && err == nil && id.String() == text {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, func(a, b events.RunID) int { return slices.Compare(a[:], b[:]) })
	return all, nil
}
