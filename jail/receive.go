package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/format/fstab"
	"github.com/libioc/ioc/internal/format/jailstream"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/storage"
)

// ReceiveOptions describe what comes.
type ReceiveOptions struct {
	// Stream is what Send has written. A Read that waits when the operation is cancelled must come back; what is behind the
	// end of the stream is not read, as far as Stream can be read byte by byte.
	Stream io.Reader

	Properties map[string]string // of a new jail, set beyond those that come with it

	// Force drops what the jail has of its own since the snapshot that the stream goes on from: newer snapshots, and
	// what was written.
	Force bool
}

// Receive is the payload of taking what another jail was.
type Receive struct{ Subject }

// EventType is jail.receive.
func (*Receive) EventType() string { return "jail.receive" }

// EventTitle is for people.
func (p *Receive) EventTitle() string { return "receive " + string(p.Jail) }

// Unchanged is the payload of a look whether a jail's files are those of a snapshot. It is skipped if they are.
type Unchanged struct {
	Subject
	Snapshot storage.SnapshotName
}

// EventType is jail.unchanged.
func (*Unchanged) EventType() string { return "jail.unchanged" }

// EventTitle is for people.
func (p *Unchanged) EventTitle() string {
	return fmt.Sprintf("see whether %s has changed since %s", p.Jail, p.Snapshot)
}

// AppendAttrs lists the snapshot.
func (p *Unchanged) AppendAttrs(dst []slog.Attr) []slog.Attr { return snapshotAttr(dst, p.Snapshot) }

// LeftOut is the payload of a step that is skipped to say which property a jail does not get that came, and why.
type LeftOut struct {
	Subject
	Property string // the property, which is not set
}

// EventType is jail.leftout.
func (*LeftOut) EventType() string { return "jail.leftout" }

// EventTitle is for people.
func (p *LeftOut) EventTitle() string {
	return "take over " + p.Property + " of what " + string(p.Jail) + " was"
}

// AppendAttrs lists the property.
func (p *LeftOut) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("property", p.Property))
}

// Receive makes of a stream what was sent. One that is whole makes a new jail, with the configuration that comes with it but for
// what another jail of the root has: addresses and ports of the host; under another name it also has another host name and
// other MAC addresses. One that goes on from a snapshot brings a stopped jail on, which has that snapshot, by its identity; what the
// jail is configured to be stays. A jail that has the snapshot already is skipped. A stream that was cut off, or is none, changes nothing.
func (k *Keeper) Receive(name Name, o ReceiveOptions) events.Op[Info] {
	return events.New(&Receive{Subject{name}}, func(s events.Step) (Info, error) {
		i, err := k.receive(s, name, o)
		return i, asSkip("receive", name, err)
	})
}

func (k *Keeper) receive(s events.Step, name Name, o ReceiveOptions) (Info, error) {
	const op = "receive"
	driver, can := k.Storage.(storage.Streamer)
	if !can {
		return Info{}, fault.Unsupported("receiving snapshots", elsewhere)
	}
	if err := free(op, name); err != nil {
		return Info{}, err
	}
	set, err := k.canonical(o.Properties, &config.Data{})
	if err != nil {
		return Info{}, err
	}
	jail := storage.Jail(name)
	if _, err := k.Enter(s, op, Want{Dataset: jail}); err != nil {
		return Info{}, err
	}
	there, missing := k.Look(s.Context(), name)
	if missing != nil && !errors.Is(missing, fault.NotFound) {
		return Info{}, missing
	}
	in, err := opened(o.Stream)
	if err != nil {
		return Info{}, unreadable(err)
	}
	d := k.delivery(in)
	if missing == nil {
		return k.advance(s, driver, &there, in, d, o)
	}
	if base := in.Head.Base; base != "" {
		return Info{}, fault.New("", fault.NotFound, "", fmt.Errorf("what comes is only what is new in %s@%s since %s", in.Head.Jail, in.Head.Snapshot, base)).
			WithRemedy("receive " + in.Head.Jail + "@" + base + " first: ioc snapshot send without --base gives all of it")
	}
	data, err := k.takeOver(s, name, &in.Head, set)
	if err != nil {
		return Info{}, err
	}
	d.Files = map[string][]byte{configFile: data.Encode(), fstabFile: []byte(in.Head.Files[fstabFile])}
	if err := k.Claim(s, op, true, []storage.Dataset{jail}, nil); err != nil {
		return Info{}, err
	}
	if err := k.deliver(s, driver, jail, d); err != nil {
		return Info{}, err
	}
	own := map[string]string{}
	for _, key := range data.Keys() {
		own[key], _ = data.Get(key)
	}
	files, err := k.tune(s.Context(), name, own)
	if err == nil {
		err = files.Apply(s)
	}
	if err != nil {
		return Info{}, err
	}
	return k.Look(s.Context(), name)
}

// opened reads what a stream says of itself: names, or it is foreign.
func opened(r io.Reader) (*jailstream.Reader, error) {
	in, err := jailstream.NewReader(r)
	if err != nil {
		return nil, err
	}
	h := &in.Head
	err = errors.Join(Name(h.Jail).Validate(), storage.SnapshotName(h.Snapshot).Validate())
	if h.Base != "" {
		err = errors.Join(err, storage.SnapshotName(h.Base).Validate())
	}
	if err != nil || (h.Base != "") != (h.Parts[0].Base != "") {
		return nil, jailstream.ErrForeign
	}
	return in, nil
}

// deliver plans and applies.
func (k *Keeper) deliver(s events.Step, driver storage.Streamer, jail storage.Dataset, d storage.Delivery) error {
	plan, err := driver.Receive(s.Context(), jail, d)
	if err != nil {
		return err
	}
	return unreadable(plan.Apply(s))
}

// unreadable says what to do about a stream that is not whole.
func unreadable(err error) error {
	why := func(err error, remedy string) error {
		return fault.New("stream", fault.Corrupt, "", err).WithRemedy(remedy)
	}
	switch {
	case errors.Is(err, jailstream.ErrForeign):
		return why(err, "give it what ioc snapshot send has written; what zfs send has written is for zfs receive")
	case errors.Is(err, jailstream.ErrTruncated), errors.Is(err, jailstream.ErrDamaged):
		return why(err, "send it again; what came of it is gone")
	}
	return err
}

// delivery is what comes, as the storage wants it.
func (k *Keeper) delivery(in *jailstream.Reader) storage.Delivery {
	d := storage.Delivery{Snapshot: storage.SnapshotName(in.Head.Snapshot), Form: in.Head.Form, Whole: func() error {
		if err := in.Next(); err != nil {
			return err
		}
		return in.Close()
	}}
	for _, p := range in.Head.Parts {
		d.Parts = append(d.Parts, storage.Part(p))
	}
	m := &meter{now: k.Now, total: in.Head.Size}
	d.Open = func(ctx context.Context, part int) (io.Reader, error) {
		m.say = func(v any) error { return events.Report(ctx, v) }
		if part > 0 {
			if err := in.Next(); err != nil {
				return nil, err
			}
		}
		return readerFunc(func(data []byte) (int, error) {
			n, err := in.Read(data)
			tell := func() error { return m.add(n) }
			if errors.Is(err, io.EOF) {
				tell = m.tell
			}
			if stopped := tell(); stopped != nil {
				return 0, stopped
			}
			return n, err
		}), nil
	}
	return d
}

// advance brings a jail on that is there.
func (k *Keeper) advance(s events.Step, driver storage.Streamer, i *Info, in *jailstream.Reader, d storage.Delivery, o ReceiveOptions) (Info, error) {
	const op = "receive"
	jail := storage.Jail(i.Name)
	if err := i.check(op); err != nil {
		return Info{}, err
	}
	all, err := k.Storage.Snapshots(s.Context(), jail)
	if err != nil {
		return Info{}, err
	}
	has := func(id string) int {
		return slices.IndexFunc(all, func(have storage.Snapshot) bool { return have.ID == id })
	}
	if n := has(d.Parts[0].ID); n >= 0 {
		return *i, k.drain(in, fmt.Sprintf("%s has that snapshot: %s", i.Name, all[n].Name))
	}
	base := d.Parts[0].Base
	switch {
	case base == "":
		return Info{}, fault.New("", fault.Exists, "", errors.New("what comes is all of a jail, and makes a new one")).
			WithRemedy("choose another name, or send only what is new since a snapshot that it has: ioc snapshot send --base")
	case has(base) < 0:
		return Info{}, fault.New("", fault.NotFound, "", fmt.Errorf("what comes goes on from %s@%s, and that is none of its snapshots", in.Head.Jail, in.Head.Base)).
			WithRemedy("send what is new since one that it has: ioc snapshot list " + string(i.Name))
	case len(o.Properties) > 0:
		return Info{}, fault.New("", fault.Invalid, "properties", errors.New("the jail is there, and stays what it is configured to be")).
			WithRemedy("ioc set changes them")
	}
	if err := k.settle(s, i); err != nil {
		return Info{}, err
	}
	if i.alive {
		return Info{}, storage.Running(op, jail, "its files would change under it")
	}
	if err := k.Claim(s, op, true, []storage.Dataset{jail}, nil); err != nil {
		return Info{}, err
	}
	from := all[has(base)].Name
	if newer := all[has(base)+1:]; !o.Force {
		if len(newer) > 0 {
			return Info{}, fault.New("", fault.Busy, "", fmt.Errorf("it has the snapshot %s of its own since %s", newer[0].Name, from)).
				WithRemedy("ioc snapshot receive --force drops it, and what was written since")
		}
		if err := k.unchanged(s, driver, i.Name, from); err != nil {
			return Info{}, err
		}
	}
	d.DestroyNewer = o.Force
	if err := k.deliver(s, driver, jail, d); err != nil {
		return Info{}, err
	}
	return k.Look(s.Context(), i.Name)
}

// drain reads a stream to its end, so that whoever sends it can end well, and skips.
func (k *Keeper) drain(in *jailstream.Reader, why string) error {
	for range in.Head.Parts {
		if err := in.Next(); err != nil {
			return unreadable(err)
		}
	}
	if err := in.Close(); err != nil {
		return unreadable(err)
	}
	return events.Skip(why)
}

// unchanged refuses a jail that has written since its newest snapshot. A time of access is not written.
func (k *Keeper) unchanged(s events.Step, driver storage.Streamer, name Name, n storage.SnapshotName) error {
	jail := storage.Jail(name)
	differ, can := k.Storage.(storage.Differ)
	if driver.Unwritten(s.Context(), jail, n) {
		return nil
	}
	const remedy = "ioc snapshot receive --force drops that"
	if !can {
		return fault.New("", fault.Busy, "", errors.New("it may have written since "+string(n))).WithRemedy(remedy)
	}
	return s.Do(&Unchanged{Subject{name}, n}, func(s events.Step) error {
		c, look, err := differ.Compare(s.Context(), jail, n, "")
		if err != nil {
			return err
		}
		for _, e := range c.Do { // what comes after a commit is as well done by the undo
			if err := s.Apply(e); err != nil {
				return err
			}
		}
		all, err := look(s.Context())
		switch {
		case err != nil:
			return err
		case len(all) > 0:
			return fault.New("", fault.Busy, "", fmt.Errorf("it has written since %s: /%s was %s", n, all[0].Path, all[0].How)).WithRemedy(remedy)
		}
		return events.Skip("it has not")
	})
}

// takeOver is what the config.json of a jail that came is to say.
func (k *Keeper) takeOver(s events.Step, name Name, head *jailstream.Head, set map[string]string) (*config.Data, error) {
	broken := func(file string, err error) (*config.Data, error) {
		return nil, fault.New("stream", fault.Corrupt, file, err)
	}
	data, err := config.Parse([]byte(head.Files[configFile]))
	if err != nil {
		return broken(configFile, err)
	}
	if _, err := fstab.Parse([]byte(head.Files[fstabFile])); err != nil {
		return broken(fstabFile, err)
	}
	for _, key := range data.Keys() {
		if isIdentity(key) || head.Jail != string(name) && (key == "host_hostname" || strings.HasSuffix(key, "_mac")) {
			data.Unset(key)
		}
	}
	all, err := k.List(s.Context())
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"ip4_addr", "ip6_addr", "nat_forwards"} {
		value, _ := data.Get(key)
		if _, chosen := set[key]; chosen || config.Unset(value) {
			continue
		}
		if by, what := holder(all, key, value); what != "" {
			data.Unset(key)
			err := s.Do(&LeftOut{Subject{name}, key}, func(events.Step) error {
				return events.Skip(what + " is " + string(by) + "'s")
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return data, write(data, set)
}

// holder finds a jail with an address, or a port of the host, that is among those which the value of a property names.
func holder(all []Info, key, value string) (by Name, what string) {
	want := claims(key, value)
	for n := range all {
		for _, c := range claims(key, all[n].value(key)) {
			if slices.Contains(want, c) {
				return all[n].Name, c
			}
		}
	}
	return "", ""
}

// claims are what only one jail can have, of what a property names.
func claims(key, value string) (all []string) {
	if key == "nat_forwards" {
		forwards, _ := network.ParseForwards(value) //nolint:errcheck // what cannot be read has no effect
		for _, f := range forwards {
			all = append(all, fmt.Sprintf("port %d/%s", f.Host, f.Protocol))
		}
		return all
	}
	addresses, _ := network.ParseAddresses(value, key == "ip6_addr") //nolint:errcheck // as above
	for _, a := range addresses {
		if a.Prefix != (netip.Prefix{}) {
			all = append(all, a.Prefix.Addr().String())
		}
	}
	return all
}
