package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// stream sends a jail and makes another one of it, and brings that on: each undone first.
func (s *suite) stream() {
	d, can := s.d.(storage.Streamer)
	if !can {
		return
	}
	before := s.w.State(s)
	web, looks := s.history(2)
	other := storage.Jail("other")
	sent := func(n, base storage.SnapshotName) storage.Delivery {
		s.Helper()
		x, err := d.Send(ctx, web, n, base)
		if err != nil {
			s.Fatalf("send %s since %q: %v", n, base, err)
		}
		streams := make([]bytes.Buffer, len(x.Parts))
		for i := range x.Parts {
			if err := x.Write(ctx, i, &streams[i]); err != nil {
				s.Fatalf("send %s since %q: %v", n, base, err)
			}
		}
		return storage.Delivery{
			Snapshot: n, Form: x.Form, Parts: x.Parts, Files: map[string][]byte{"config.json": []byte("{}\n")},
			Open:  func(_ context.Context, i int) (io.Reader, error) { return bytes.NewReader(streams[i].Bytes()), nil },
			Whole: func() error { return nil },
		}
	}
	receive := func(in storage.Delivery) (storage.Change, error) { return d.Receive(ctx, other, in) }
	missing := errors.New("something is missing")
	for i, step := range []struct{ n, base storage.SnapshotName }{{"s1", ""}, {"s2", "s1"}} {
		in := sent(step.n, step.base)
		was := s.w.State(s)
		c, err := receive(in)
		if err != nil {
			s.Fatal(err)
		}
		s.do(c)
		s.undo(c)
		s.undo(c)
		s.same("the world after what was received was undone", s.w.State(s), was)
		broken := in
		broken.Whole = func() error { return missing }
		if c, err = receive(broken); err != nil {
			s.Fatal(err)
		}
		if err := s.run(c); !errors.Is(err, missing) {
			s.Errorf("receive of what is not whole: %v", err)
		}
		s.same("the world after something was missing", s.w.State(s), was)
		s.must(receive(in))
		s.same("what was received", s.look(other), looks[i])
		all, err := s.d.Snapshots(ctx, other)
		if err != nil || !slices.ContainsFunc(all, func(have storage.Snapshot) bool { return have.Name == step.n && have.ID == in.Parts[0].ID }) {
			s.Errorf("snapshots of what was received: %+v, %v; want %s with the ID %s", all, err, step.n, in.Parts[0].ID)
		}
	}
	if data, err := s.d.ReadFile(ctx, other, "config.json"); string(data) != "{}\n" {
		s.Errorf("config.json of what was received: %q, %v", data, err)
	}
	s.same("what was sent", s.look(web), looks[2])

	_, err := receive(sent("s2", ""))
	s.want("receive of all of what is there", err, fault.Exists)
	_, err = receive(sent("s2", "s1"))
	s.want("receive of what is there", err, fault.Exists)
	s.snap(other, "own")
	s.snap(web, "s3")
	news := sent("s3", "s2")
	_, err = receive(news)
	s.want("receive by one with a snapshot of its own", err, fault.Busy)
	news.DestroyNewer = true
	s.must(receive(news))
	if got := s.snapshots(other); got != "s1 s2 s3" {
		s.Errorf("snapshots: %q, want s1 s2 s3", got)
	}
	s.must(s.d.DestroySnapshot(ctx, other, "s3", storage.SnapshotOptions{}))
	s.snap(web, "s4")
	_, err = receive(sent("s4", "s3"))
	s.want("receive of what goes on from nothing", err, fault.NotFound)
	foreign := sent("s4", "")
	foreign.Form = "other"
	_, err = d.Receive(ctx, storage.Jail("x"), foreign)
	s.want("receive of another driver's", err, fault.NotSupported)
	for _, tc := range []struct {
		d       storage.Dataset
		n, base storage.SnapshotName
		kind    fault.Kind
	}{
		{web, "no", "", fault.NotFound},
		{web, "s2", "no", fault.NotFound},
		{web, "s1", "s2", fault.Invalid},
		{web, "s1", "s1", fault.Invalid},
		{storage.Jail("no"), "s1", "", fault.NotFound},
		{storage.Release("base"), "s1", "", fault.Invalid},
	} {
		_, err := d.Send(ctx, tc.d, tc.n, tc.base)
		s.want("send of "+tc.d.At(tc.n).String()+" since "+string(tc.base), err, tc.kind)
	}
	s.empty(before)
}
