package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/lock"
)

// Cache is a directory of downloads. Its zero fields have defaults. Its methods may be called from
// several goroutines, and several caches, in several processes, may have one directory.
type Cache struct {
	Dir      string        // made when it is needed, for its owner alone
	Client   *http.Client  // nil: http.DefaultClient, which honours HTTP_PROXY and its like
	Stall    time.Duration // a server that sends less than Pace in this time has failed; 0: 30 s
	Pace     int64         // bytes; 0: 64 KiB
	Attempts int           // in a row that bring less than Pace, before it is given up; 0: 4
	Pause    time.Duration // between attempts, longer each time; 0: 500 ms
}

// The defaults.
const (
	defaultStall    = 30 * time.Second
	defaultPace     = 64 << 10
	defaultAttempts = 4
	defaultPause    = 500 * time.Millisecond
	defaultMax      = 64 << 30
)

// Request is what to get.
type Request struct {
	URL    string
	SHA256 string // in hexadecimal; empty: whatever comes is believed
	Size   int64  // what it is known to have; 0: the server may say
	Max    int64  // more bytes are refused; 0: 64 GiB
	Page   bool   // a web page is what is wanted, and not what a proxy says instead

	// Client is for this request alone, if not nil: one that authenticates, for example.
	Client *http.Client
}

// Download is the payload of Get. Its progress is an events.Amount.
type Download struct {
	URL    string // without a password
	SHA256 string // of what is expected, in hexadecimal
}

// EventType is the step's name in events.
func (*Download) EventType() string { return "download.get" }

// EventKey is where it comes from.
func (d *Download) EventKey() string { return d.URL }

// EventTitle is for people.
func (d *Download) EventTitle() string { return "download " + d.URL }

// AppendAttrs adds the digest that is wanted.
func (d *Download) AppendAttrs(dst []slog.Attr) []slog.Attr {
	if d.SHA256 == "" {
		return dst
	}
	return append(dst, slog.String("sha256", d.SHA256))
}

// Get gets a file as a child of s and returns its path, which stays until somebody prunes it. It is
// skipped if the file is there, as its digest says or, without one, as its server says.
//
// What does not exist is fault.NotFound, what came and is something else is fault.Corrupt, a server
// that does not answer as it should is fault.Unavailable or, if it is too slow, fault.Timeout.
func (c *Cache) Get(s events.Step, r Request) (path string, err error) {
	u, err := r.check()
	if err != nil {
		return "", err
	}
	err = s.Do(&Download{u.Redacted(), r.SHA256}, func(s events.Step) error {
		g := &getting{Cache: c, r: r, url: u, file: c.file(r), run: s.Run(), say: func(done, total int64) error {
			return s.Progress(events.Amount{Done: done, Total: total, Unit: "bytes"})
		}}
		fresh, err := g.get(s.Context())
		if err != nil {
			return err
		}
		path = g.file.whole
		if !fresh {
			return events.Skip("it is there")
		}
		return nil
	})
	return path, err
}

// check reads the URL and the digest.
func (r *Request) check() (*url.URL, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, fault.New("download", fault.Invalid, fmt.Sprintf("%q", r.URL), errors.Unwrap(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fault.New("download", fault.Invalid, u.Redacted(), errors.New("only http and https are known"))
	}
	r.SHA256 = strings.ToLower(strings.TrimPrefix(r.SHA256, "sha256:"))
	if r.SHA256 != "" && (len(r.SHA256) != 2*sha256.Size || strings.Trim(r.SHA256, "0123456789abcdef") != "") {
		return nil, fault.New("download", fault.Invalid, u.Redacted(), fmt.Errorf("%q is no SHA-256 sum", r.SHA256))
	}
	if r.Max == 0 {
		r.Max = defaultMax
	}
	return u, nil
}

// entry is what a cache has of one file.
type entry struct {
	key   string
	whole string // complete, and what was asked for
	part  string // the beginning of it
	notes string // what part and whole are, for the server
}

// Names of an entry's files end in one of these.
const (
	wholeExt = ".file"
	partExt  = ".part"
	notesExt = ".json"
)

// file is r's entry. One digest is one file, wherever it comes from.
func (c *Cache) file(r Request) entry {
	key := r.SHA256
	if key == "" {
		sum := sha256.Sum256([]byte(r.URL))
		key = "url." + hex.EncodeToString(sum[:])
	}
	at := filepath.Join(c.Dir, key)
	return entry{key: key, whole: at + wholeExt, part: at + partExt, notes: at + notesExt}
}

// locks is the table of who is at work on which entry.
func (c *Cache) locks() *lock.Table { return lock.Dir(c.Dir) }

// lockPause is how often it is looked whether another one is done with an entry.
const lockPause = 50 * time.Millisecond

// lock takes the lock of an entry, as long as ctx lets it wait. While another has it, busy is asked again and again
// whether to go on. named introduces why it cannot be taken.
func (c *Cache) lock(ctx context.Context, run *events.RunInfo, key string, named, busy func(error) error) (release func(), err error) {
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	for {
		release, err := c.locks().Take(key, false, "download", run)
		switch {
		case err == nil:
			return release, nil
		case !errors.Is(err, fault.Busy):
			return nil, named(err)
		}
		if err := busy(err); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Prune removes the files that nobody downloads and that nobody has touched since a time, and tells
// how many bytes that frees. With dry it removes nothing.
func (c *Cache) Prune(ctx context.Context, run *events.RunInfo, before time.Time, dry bool) (freed int64, err error) {
	all, err := os.ReadDir(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	var failed []error
	for _, d := range all {
		if ctx.Err() != nil {
			return freed, context.Cause(ctx)
		}
		key, ok := keyOf(d.Name())
		if !ok {
			continue
		}
		n, err := c.prune(key, d.Name(), run, before, dry)
		freed += n
		failed = append(failed, err)
	}
	return freed, errors.Join(append(failed, err)...)
}

// keyOf is the entry that a file belongs to. What a killed writer of notes has left belongs to one, too.
func keyOf(name string) (key string, ok bool) {
	if rest, hidden := strings.CutPrefix(name, "."); hidden {
		key, left, _ := strings.Cut(rest, notesExt+".")
		return key, strings.HasSuffix(left, ".tmp")
	}
	ext := filepath.Ext(name)
	switch ext {
	case wholeExt, partExt, notesExt, shelfExt:
		return strings.TrimSuffix(name, ext), true
	}
	return "", false
}

func (c *Cache) prune(key, name string, run *events.RunInfo, before time.Time, dry bool) (int64, error) {
	release, err := c.locks().Take(key, false, "prune", run)
	if errors.Is(err, fault.Busy) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer release()
	path := filepath.Join(c.Dir, name)
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil || info.ModTime().After(before) {
		return 0, err
	}
	size, held := info.Size(), false
	if info.IsDir() {
		size, held, err = weigh(path)
	}
	if held {
		return 0, err
	}
	if !dry && err == nil {
		err = os.RemoveAll(path)
	}
	return size, err
}

// weigh adds up the files below dir, each once. One that has a name elsewhere is held by somebody: what is in dir
// is used, and to remove it would free nothing.
func weigh(dir string) (n int64, held bool, err error) {
	names := map[uint64]uint64{} // of an inode, those that were not seen yet
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		links, inode := identity(info)
		if _, seen := names[inode]; links > 1 && seen {
			names[inode]--
			return nil
		}
		if links > 1 {
			names[inode] = links - 1
		}
		n += info.Size()
		return nil
	})
	for _, more := range names {
		held = held || more > 0
	}
	return n, held, err
}

// identity is how many names a file has, and its number.
func identity(info fs.FileInfo) (links, inode uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink), st.Ino //nolint:unconvert // it is shorter elsewhere
	}
	return 1, 0
}
