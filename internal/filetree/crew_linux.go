package filetree

import (
	"errors"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/storage"
)

// Bounds of what waits to be written: the memory of all blocks, and the files that are open.
const (
	crewMost    = 4
	crewBlocks  = 16
	crewWaiting = 32
)

// crew writes what is in files while the Writer goes on reading. All names are made by the Writer itself, in the order
// in which it is told: what comes here is an open file, and whatever its name becomes meanwhile does not matter.
type crew struct {
	jobs chan *job
	free chan []byte
	made int  // blocks
	told bool // the error

	hands   sync.WaitGroup // that are at work
	waiting sync.WaitGroup // files

	mu  sync.Mutex
	err error // the first one: nothing is written after it
}

// job is a file that was just made: its first block, and a channel for more, which the Writer closes.
type job struct {
	fd    int
	name  string
	attr  storage.Attr
	first []byte
	more  chan []byte // nil: there are none
	cut   bool        // the content has failed; valid once more is closed
}

// begin starts the crew, if there is more than one processor for it.
func (w *Writer) begin() *crew {
	if w.crew != nil || w.alone {
		return w.crew
	}
	hands := min(runtime.GOMAXPROCS(0), crewMost)
	if w.alone = hands < 2; w.alone {
		return nil
	}
	w.crew = &crew{jobs: make(chan *job, crewWaiting), free: make(chan []byte, crewBlocks)}
	for range hands {
		w.crew.hands.Go(func() {
			for j := range w.crew.jobs {
				w.crew.keep(j.name, w.finish(j))
				w.crew.waiting.Done()
			}
		})
	}
	return w.crew
}

// finish writes one file to its end, and closes it.
func (w *Writer) finish(j *job) error {
	f := fill{early: &w.early}
	err := w.crew.write(&f, j, j.first)
	if j.more != nil {
		for b := range j.more {
			err = errors.Join(err, w.crew.write(&f, j, b))
		}
	}
	if !j.cut && err == nil && w.crew.failed() == nil {
		if err = f.end(j.fd, j.name); err == nil {
			err = w.setAttr(j.fd, j.name, j.attr)
		}
	}
	return errors.Join(err, closed(j.fd, j.name))
}

// write writes one block, unless something has failed, and frees it.
func (c *crew) write(f *fill, j *job, b []byte) (err error) {
	if b == nil {
		return nil
	}
	if c.failed() == nil {
		if err = f.add(j.fd, j.name, b); err != nil {
			c.keep(j.name, err)
		}
	}
	c.free <- b[:block]
	return err
}

// send hands a file over with all that content has. It is closed then, sooner or later.
func (c *crew) send(j *job, content io.Reader) error {
	if content == nil {
		c.give(j)
		return nil
	}
	b, last, err := c.read(content)
	if err != nil {
		return errors.Join(err, closed(j.fd, j.name))
	}
	j.first = b
	if last {
		c.give(j)
		return nil
	}
	j.more = make(chan []byte, crewBlocks)
	c.give(j)
	defer close(j.more)
	for !last {
		if err = c.tell(); err == nil {
			b, last, err = c.read(content)
		}
		if err != nil {
			j.cut = true
			return err
		}
		j.more <- b
	}
	return nil
}

func (c *crew) give(j *job) {
	c.waiting.Add(1)
	c.jobs <- j
}

// read reads the next block, nil if there is none. After the last one nothing comes.
func (c *crew) read(content io.Reader) (b []byte, last bool, err error) {
	b = c.block()
	n, err := io.ReadFull(content, b)
	if last = err == io.EOF || err == io.ErrUnexpectedEOF; last { //nolint:errorlint // io.ReadFull returns them bare
		err = nil
	}
	if n == 0 || err != nil {
		c.free <- b
		return nil, last, err
	}
	return b[:n], last, nil
}

// block gives memory, when there is some.
func (c *crew) block() []byte {
	select {
	case b := <-c.free:
		return b
	default:
	}
	if c.made == crewBlocks {
		return <-c.free
	}
	c.made++
	return make([]byte, block)
}

func (c *crew) keep(name string, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = &storage.EarlierError{Name: name, Err: err}
	}
}

// tell gives the error of what was written earlier to whoever goes on writing.
func (c *crew) tell() error {
	if c == nil {
		return nil
	}
	err := c.failed()
	c.told = c.told || err != nil
	return err
}

func (c *crew) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// wait waits until all is written that was handed over.
func (c *crew) wait() {
	if c != nil {
		c.waiting.Wait()
	}
}

// stop waits for that, too, and ends the crew. It gives the error that nobody was told.
func (c *crew) stop() error {
	if c == nil {
		return nil
	}
	close(c.jobs)
	c.hands.Wait()
	if c.told {
		return nil
	}
	return c.err
}

func closed(fd int, name string) error {
	if err := unix.Close(fd); err != nil && err != unix.EINTR { // it is closed then, too
		return failed("close", name, err)
	}
	return nil
}
