package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/format/fstab"
	"github.com/libioc/ioc/internal/format/jailstream"
	"github.com/libioc/ioc/storage"
)

// Send is the payload of giving a snapshot of a jail away.
type Send struct {
	Subject
	Snapshot storage.SnapshotName
	Base     storage.SnapshotName // what is in it already is not sent; empty: all of it is
}

// EventType is jail.send.
func (*Send) EventType() string { return "jail.send" }

// EventTitle is for people.
func (p *Send) EventTitle() string {
	if p.Base == "" {
		return fmt.Sprintf("send %s@%s", p.Jail, p.Snapshot)
	}
	return fmt.Sprintf("send what is new in %s@%s since %s", p.Jail, p.Snapshot, p.Base)
}

// AppendAttrs lists the snapshots.
func (p *Send) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(snapshotAttr(dst, p.Snapshot), slog.String("base", string(p.Base))) // the earlier snapshot
}

// elsewhere is what storage has to be for jails to go from one to another.
const elsewhere = "ZFS, which sends its snapshots"

// Send writes a snapshot of the jail to w, with the jail's configuration as it is now: all of it or, with base, what has come
// since that earlier snapshot. [Keeper.Receive] makes of it what it was. The jail may run; until all is written nobody
// can change it, start it or stop it. If w fails the error is w's.
func (k *Keeper) Send(jail Name, n, base storage.SnapshotName, w io.Writer) events.Op[struct{}] {
	return events.New(&Send{Subject{jail}, n, base}, func(s events.Step) (none struct{}, err error) {
		return none, refused("send", jail, k.send(s, jail, n, base, w))
	})
}

func (k *Keeper) send(s events.Step, name Name, n, base storage.SnapshotName, w io.Writer) error {
	driver, can := k.Storage.(storage.Streamer)
	if !can {
		return fault.Unsupported("sending snapshots", elsewhere)
	}
	jail := storage.Jail(name)
	if _, err := k.Enter(s, "send", Want{Dataset: jail, Shared: true}); err != nil {
		return err
	}
	i, err := k.Look(s.Context(), name)
	if err == nil {
		err = i.check("send")
	}
	if err != nil {
		return err
	}
	x, err := driver.Send(s.Context(), jail, n, base)
	if err != nil {
		return err
	}
	head := &jailstream.Head{Form: x.Form, Jail: string(name), Snapshot: string(n), Base: string(base), Size: x.Size}
	for _, p := range x.Parts {
		head.Parts = append(head.Parts, jailstream.Part(p))
	}
	if head.Files, err = k.beside(s.Context(), &i); err != nil {
		return err
	}
	out, err := jailstream.NewWriter(w, head)
	if err != nil {
		return err
	}
	m := &meter{say: s.Progress, now: k.Now, total: x.Size}
	for part := range x.Parts {
		err := x.Write(s.Context(), part, writerFunc(func(data []byte) (int, error) {
			n, err := out.Write(data)
			return n, errors.Join(err, m.add(n))
		}))
		if err == nil {
			err = out.EndPart()
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(out.Close(), m.tell())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(data []byte) (int, error) { return f(data) }

// beside are the small files of a jail that go with it. The lines of its fstab are written as the jail sees them: the
// host's names of its directories are another host's not.
func (k *Keeper) beside(ctx context.Context, i *Info) (map[string]string, error) {
	mounts, err := k.fstab(ctx, i.Name)
	if err != nil {
		return nil, err
	}
	dir := k.root(ctx, i.Name)
	var inside fstab.File
	same := true
	for _, e := range mounts.Entries() {
		target := i.inside(e.Target, dir)
		same = same && target == e.Target
		e.Target = target
		inside.Add(e)
	}
	if !same {
		mounts = &inside
	}
	return map[string]string{configFile: string(i.Config.Encode()), fstabFile: string(mounts.Encode())}, nil
}

// meter tells how much there is of a stream, now and then.
type meter struct {
	say         func(any) error
	now         func() time.Time
	last        time.Time
	done, total int64
}

// add counts; its error is that of a run that was stopped.
func (m *meter) add(n int) error {
	const every = 200 * time.Millisecond
	m.done += int64(n)
	if now := m.now(); now.Sub(m.last) >= every {
		m.last = now
		return m.tell()
	}
	return nil
}

// tell tells it now.
func (m *meter) tell() error {
	a := events.Amount{Done: m.done, Unit: "bytes"}
	if m.total > 0 { // about
		a.Total = max(m.total, m.done)
	}
	return m.say(a)
}
