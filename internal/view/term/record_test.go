package term

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libioc/ioc/events"
)

var record = flag.Bool("record", false, "record the streams that are made up, before showing them")

// made are operations whose streams show what real ones show too seldom, or too slowly.
var made = map[string]func(*clock) events.Op[int]{
	"progress": progressing, "lanes": lanes, "long": long, "deep": deep, "wide": wide, "output": talking, "handled": handled,
}

// TestRecord records the streams that are made up, if it is asked to.
func TestRecord(t *testing.T) {
	if !*record {
		return
	}
	for name, op := range made {
		f, err := os.Create(filepath.Join("testdata", name+".ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		c := &clock{}
		for range op(c).Events(context.Background(), events.WithClock(c.now), events.WithSink(events.NDJSON(f)), events.WithOrigin("host", 1)) {
			c.pass(100 * time.Microsecond)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// clock is one that a test turns.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Duration   { return time.Duration(c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

func step(kind, title string) events.Payload { return &events.Named{Type: kind, Title: title} }

// takes is a step that only takes its time.
func takes(s events.Step, c *clock, title string, d time.Duration) error {
	return s.Do(step("work", title), func(events.Step) error {
		c.pass(d)
		return nil
	})
}

func progressing(c *clock) events.Op[int] {
	return events.New(step("release.fetch", "fetch debian"), func(s events.Step) (int, error) {
		err := s.Do(step("release.unpack", "unpack debian.tar.zst"), func(s events.Step) error {
			const total = 178 << 20
			for done := int64(0); done <= total; done += total / 40 {
				if err := s.Progress(events.Amount{Done: done, Total: total, Unit: "bytes"}); err != nil {
					return err
				}
				c.pass(350 * time.Millisecond)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		err = s.Do(step("release.scan", "look for set-user-id files"), func(s events.Step) error {
			for done := int64(0); done < 9000; done += 1200 {
				if err := s.Progress(events.Amount{Done: done, Unit: "files"}); err != nil {
					return err
				}
				c.pass(400 * time.Millisecond)
			}
			return nil
		})
		return 0, err
	})
}

func lanes(c *clock) events.Op[int] {
	return events.New(step("jails.start", "start db, web, mail, cache"), func(s events.Step) (int, error) {
		return 0, s.Group(func(g *events.Group) {
			for i, name := range []string{"db", "web", "mail", "cache"} {
				g.Go(step("jail.start", "start "+name), func(s events.Step) error {
					s.OnRollback("network", func(events.Step) error {
						c.pass(time.Millisecond)
						return nil
					})
					if err := takes(s, c, "clone files of "+name, 40*time.Millisecond); err != nil {
						return err
					}
					return s.Do(step("jail.hook", "exec_start: service "+name), func(s events.Step) error {
						for n := range int64(4) {
							c.pass(300 * time.Millisecond)
							if err := s.Progress(events.Amount{Done: n, Total: 4, Unit: "services"}); err != nil {
								return err
							}
						}
						if i == 2 {
							return errors.New("exit 1")
						}
						return nil
					})
				})
			}
		}, events.Settle())
	})
}

func long(c *clock) events.Op[int] {
	return events.New(step("jails.start", "start ALL"), func(s events.Step) (int, error) {
		var all error
		for i := range 120 {
			err := s.Do(step("jail.start", fmt.Sprintf("start jail%03d", i)), func(s events.Step) error {
				switch {
				case i%10 == 3:
					return events.Skip("it is running")
				case i == 50 || i == 111:
					return fmt.Errorf("no address is left in 10.0.%d.0/24", i)
				}
				return takes(s, c, "attach", 30*time.Millisecond)
			})
			all = errors.Join(all, err)
		}
		for i := range 20 {
			s.OnRollback(fmt.Sprintf("route%d", i), func(events.Step) error { return nil })
		}
		return 0, all
	})
}

func deep(c *clock) events.Op[int] {
	var down func(s events.Step, n int) error
	down = func(s events.Step, n int) error {
		return s.Do(step("dir", fmt.Sprintf("level %d", n)), func(s events.Step) error {
			if err := takes(s, c, "look", 20*time.Millisecond); err != nil || n == 30 {
				return err
			}
			return down(s, n+1)
		})
	}
	return events.New(step("walk", "walk down"), func(s events.Step) (int, error) { return 0, down(s, 1) })
}

func wide(c *clock) events.Op[int] {
	return events.New(step("jail.create", "刑務所「東京」を作成する 🏯"), func(s events.Step) (int, error) {
		s.OnRollback("ネットワーク", func(events.Step) error { return nil })
		if err := takes(s, c, "e\u0301tape nume\u0301ro un: de\u0301but 👨‍👩‍👧‍👦 des familles, et tout ce qui s'ensuit ici", 2*time.Second); err != nil {
			return 0, err
		}
		return 0, s.Do(step("jail.hook", "ファイルシステムを準備しています 한국어 中文 一二三四五六七八九十"), func(s events.Step) error {
			for n := range int64(3) {
				c.pass(time.Second)
				if err := s.Progress(events.Amount{Done: n, Total: 3, Unit: "個"}); err != nil {
					return err
				}
			}
			_ = s.Progress(events.Output{Lines: []string{"警告: ディスクの空き容量がありません"}})
			return errors.New("容量が足りません 💥")
		})
	})
}

func talking(c *clock) events.Op[int] {
	return events.New(step("jail.start", "start web"), func(s events.Step) (int, error) {
		s.OnRollback("cgroup", func(events.Step) error { return nil })
		return 0, s.Do(step("jail.hook", "exec_start: make -C /srv"), func(s events.Step) error {
			for i := range 30 {
				c.pass(100 * time.Millisecond)
				line := fmt.Sprintf("cc -c\tfile%02d.c \x1b[31m%s", i, strings.Repeat("-O ", i))
				_ = s.Progress(events.Output{Lines: []string{line, ""}, Omitted: i / 29 * 5})
			}
			_ = s.Progress(events.Output{Lines: []string{"file29.c:1: error: too many options", "make: *** [all] Error 1"}})
			return errors.New("exit 2")
		})
	})
}

// handled fails, is helped and succeeds.
func handled(c *clock) events.Op[int] {
	return events.New(step("release.fetch", "fetch small"), func(s events.Step) (int, error) {
		for _, mirror := range []string{"a.example", "b.example", "c.example"} {
			err := s.Do(step("http.get", "ask "+mirror), func(s events.Step) error {
				s.OnRollback("part", func(events.Step) error { return nil })
				if mirror == "c.example" {
					return takes(s, c, "read", time.Second)
				}
				c.pass(time.Second)
				return fmt.Errorf("%s: connection refused", mirror)
			})
			if err == nil {
				break
			}
		}
		return 0, nil
	})
}
