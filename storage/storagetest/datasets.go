package storagetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

func (s *suite) fill() {
	before := s.w.State(s)
	d := storage.Release("base")
	f, err := s.d.Fill(ctx, d)
	if err != nil {
		s.Fatal(err)
	}
	s.same("the world after the plan", s.w.State(s), before)
	s.must(f.Stage(), nil)
	s.write(f)
	if got := s.names(storage.Releases); got != "" {
		s.Errorf("releases before Publish: %q, want none", got)
	}
	_, err = s.d.Clone(ctx, d.Now(), storage.Jail("web"), storage.CloneOptions{})
	s.want("clone of what is being filled", err, fault.NotFound)
	s.must(f.Publish(), nil)
	if got := s.names(storage.Releases); got != "base" {
		s.Errorf("releases after Publish: %q, want base", got)
	}
	info, err := s.d.Stat(ctx, d)
	if err != nil || info.ID == "" || info.Broken != nil || time.Since(info.Created) > time.Hour || info.Origin != (storage.Origin{}) {
		s.Errorf("stat %s: %+v, %v", d, info, err)
	}
	if data, err := s.d.ReadFile(ctx, d, "release.json"); err != nil || string(data) != "{}\n" {
		s.Errorf("release.json: %q, %v", data, err)
	}
	if got := s.look(d); len(got) < 25 {
		s.Errorf("the release has %d files", len(got))
	}
	_, err = s.d.Fill(ctx, d)
	s.want("fill of what is there", err, fault.Exists)

	// A release that fails halfway leaves nothing.
	with := s.w.State(s)
	g, err := s.d.Fill(ctx, storage.Release("half"))
	if err != nil {
		s.Fatal(err)
	}
	s.must(g.Stage(), nil)
	s.write(g)
	for _, e := range g.Stage().Do {
		if err := e.Undo(ctx); err != nil {
			s.Error(err)
		}
	}
	s.same("the world after a filling was given up", s.w.State(s), with)
	s.empty(before)
}

func (s *suite) clone() {
	before := s.w.State(s)
	base := s.release("base")
	content := s.look(base)
	web, mail := s.jail("web", base.Now()), s.jail("mail", base.Now())
	if got := s.names(storage.Jails); got != "mail web" {
		s.Errorf("jails: %q, want mail web", got)
	}
	s.same("a clone", s.look(web), content)
	s.edit(web, round(1)...)
	changed := s.look(web)
	if len(changed) == len(content) {
		s.Error("the edits changed nothing")
	}
	s.same("the release after a clone was written", s.look(base), content)
	s.same("another clone", s.look(mail), content)
	s.same("a clone, looked at again", s.look(web), changed)
	info, err := s.d.Stat(ctx, web)
	if err != nil || info.Origin != base.Now() || info.Broken != nil {
		s.Errorf("stat %s: %+v, %v", web, info, err)
	}
	root, err := s.d.Root(ctx, web)
	if err != nil {
		s.Error(err)
	}
	if again, _ := s.w.Driver(s).Root(ctx, web); !again.Equal(root) {
		s.Errorf("root of %s: %+v by one handle, %+v by another", web, root, again)
	}
	s.empty(before)
}

func (s *suite) thick() {
	before := s.w.State(s)
	base := s.release("base")
	web := s.jail("web", base.Now())
	s.edit(web, round(1)...)
	first := s.look(web)
	s.snap(web, "one")
	s.edit(web, round(2)...)
	second := s.look(web)
	for _, tc := range []struct {
		name storage.Name
		from storage.Origin
		want []string
	}{
		{"c1", base.Now(), s.look(base)},
		{"c2", web.At("one"), first},
		{"c3", web.Now(), second},
	} {
		c := storage.Jail(tc.name)
		s.must(s.d.Clone(ctx, tc.from, c, storage.CloneOptions{Thick: true}))
		s.same("a thick clone of "+tc.from.String(), s.look(c), tc.want)
		s.edit(c, round(3)...)
		s.snap(c, "s")
		kept := s.look(c)
		s.edit(c, round(4)...)
		thin := s.jail(tc.name+"-thin", c.At("s"))
		s.same("a clone of a snapshot of a thick clone", s.look(thin), kept)
		s.must(s.d.Rollback(ctx, c, "s", storage.RollbackOptions{}))
		s.same("a thick clone after a rollback", s.look(c), kept)
		s.must(s.d.Destroy(ctx, storage.Jail(tc.name+"-thin"), storage.DestroyOptions{}))
		s.must(s.d.DestroySnapshot(ctx, c, "s", storage.SnapshotOptions{}))
		s.same("a thick clone after its snapshot was destroyed", s.look(c), kept)
	}
	s.same("the jail they were cloned from", s.look(web), second)
	// Nothing is shared, so what they came from can go.
	s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
	s.must(s.d.Destroy(ctx, base, storage.DestroyOptions{}))
	if len(s.look(storage.Jail("c2"))) < 25 {
		s.Error("a thick clone went with its origin")
	}
	s.empty(before)
}

func (s *suite) cloneOfJail() {
	before := s.w.State(s)
	web := s.jail("web", s.release("base").Now())
	s.edit(web, round(1)...)
	content := s.look(web)
	twin := s.jail("twin", web.Now())
	s.same("a clone of a jail", s.look(twin), content)
	s.same("the jail that was cloned", s.look(web), content)
	s.edit(web, round(2)...)
	s.edit(twin, round(3)...)
	second, third := s.look(web), s.look(twin)
	grand := s.jail("grand", twin.Now())
	s.same("a clone of a clone", s.look(grand), third)
	s.same("the jail, after its clones were written", s.look(web), second)

	c, err := s.d.Destroy(ctx, web, storage.DestroyOptions{})
	if s.d.Features(ctx).Independent {
		s.must(c, err)
	} else if used, ok := errors.AsType[*storage.UsersError](err); !ok || len(used.By) != 1 || used.By[0] != twin {
		s.Errorf("destroy of a jail with a clone: %v, want a UsersError that names %s", err, twin)
	}
	s.same("a clone, when its origin goes", s.look(twin), third)
	s.empty(before)
}

// cloneWithFiles makes clones that have small files from the beginning.
func (s *suite) cloneWithFiles() {
	before := s.w.State(s)
	base := s.release("base")
	web := s.jail("web", base.Now())
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("the source's")))
	files := map[string][]byte{"config.json": []byte(`{"a":1}`), "fstab": {}, "nothing": nil}
	for _, tc := range []struct {
		name storage.Name
		from storage.Origin
		o    storage.CloneOptions
	}{
		{"thin", base.Now(), storage.CloneOptions{Files: files}},
		{"thick", base.Now(), storage.CloneOptions{Files: files, Thick: true}},
		{"twin", web.Now(), storage.CloneOptions{Files: files}},
		{"none", web.Now(), storage.CloneOptions{}},
	} {
		c := storage.Jail(tc.name)
		s.must(s.d.Clone(ctx, tc.from, c, tc.o))
		for name, want := range files {
			data, err := s.d.ReadFile(ctx, c, name)
			if tc.o.Files == nil {
				s.want("read of "+name+", which no clone has by itself", err, fault.NotFound)
			} else if err != nil || string(data) != string(want) {
				s.Errorf("%s of %s: %q, %v; want %q", name, c, data, err, want)
			}
		}
		s.must(s.d.WriteFile(ctx, c, "config.json", []byte("new")))
		if data, err := s.d.ReadFile(ctx, c, "config.json"); err != nil || string(data) != "new" {
			s.Errorf("config.json of %s, written again: %q, %v", c, data, err)
		}
		s.same(c.String(), s.look(c), s.look(tc.from.Dataset))
	}
	for _, bad := range []string{"", ".", "..", "a/b", ".hidden", "a\x00b"} {
		_, err := s.d.Clone(ctx, base.Now(), storage.Jail("x"), storage.CloneOptions{Files: map[string][]byte{bad: nil}})
		s.want("clone with a file called "+bad, err, fault.Invalid)
	}
	s.empty(before)
}

func (s *suite) rename() {
	before := s.w.State(s)
	base := s.release("base")
	web := s.jail("web", base.Now())
	other := s.jail("other", base.Now())
	s.edit(web, round(1)...)
	first := s.look(web)
	s.snap(web, "one")
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte(`{"a":1}`)))
	s.edit(web, round(2)...)
	twin := s.jail("twin", web.At("one"))
	content, id := s.look(web), s.id(web)

	_, err := s.d.Rename(ctx, web, other, storage.RenameOptions{})
	s.want("rename to a name that is taken", err, fault.Exists)
	_, err = s.d.Rename(ctx, web, storage.Release("web"), storage.RenameOptions{})
	s.want("rename of a jail to a release", err, fault.Invalid)
	_, err = s.d.Rename(ctx, storage.Jail("no"), web, storage.RenameOptions{})
	s.want("rename of what is not there", err, fault.NotFound)
	s.must(s.d.Rename(ctx, web, web, storage.RenameOptions{}))

	www := storage.Jail("www")
	s.must(s.d.Rename(ctx, web, www, storage.RenameOptions{}))
	if got := s.names(storage.Jails); got != "other twin www" {
		s.Errorf("jails: %q, want other twin www", got)
	}
	s.same("the renamed jail", s.look(www), content)
	if got := s.id(www); got != id {
		s.Errorf("its id is %s, was %s", got, id)
	}
	if data, err := s.d.ReadFile(ctx, www, "config.json"); err != nil || string(data) != `{"a":1}` {
		s.Errorf("its config.json: %q, %v", data, err)
	}
	s.same("a clone of its snapshot", s.look(twin), first)
	// The old name is free, with nothing of the old jail.
	s.jail("web", base.Now())
	if got := s.snapshots(web); got != "" {
		s.Errorf("a new jail with the old name has snapshots %s", got)
	}
	s.must(s.d.Rollback(ctx, www, "one", storage.RollbackOptions{}))
	s.same("the renamed jail after a rollback", s.look(www), first)

	c, err := s.d.Rename(ctx, base, storage.Release("new"), storage.RenameOptions{})
	if err == nil {
		s.must(c, err)
	} else if _, ok := errors.AsType[*storage.UsersError](err); !ok {
		s.Errorf("rename of a release in use: %v, want it done or a UsersError", err)
	}
	s.same("a jail after its release was renamed, or not", s.look(www), first)
	s.empty(before)
}

func (s *suite) id(d storage.Dataset) string {
	s.Helper()
	info, err := s.d.Stat(ctx, d)
	if err != nil {
		s.Fatal(err)
	}
	return info.ID
}

func (s *suite) destroy() {
	before := s.w.State(s)
	base := s.release("base")
	web, mail := s.jail("web", base.Now()), s.jail("mail", base.Now())
	s.edit(web, round(1)...)
	s.snap(web, "one")
	s.edit(web, round(2)...)
	s.must(s.d.WriteFile(ctx, web, "fstab", []byte("# none\n")))
	content := s.look(web)

	// A driver that shares nothing can do without the release.
	shared := s.d.Features(ctx).Cheap
	if shared {
		_, err := s.d.Destroy(ctx, base, storage.DestroyOptions{})
		used, ok := errors.AsType[*storage.UsersError](err)
		if !ok || !slices.Equal(used.By, []storage.Dataset{mail, web}) || !errors.Is(err, fault.Busy) {
			s.Errorf("destroy of a release in use: %v, want a UsersError that names mail and web", err)
		}
		by, err := s.d.Users(ctx, base.Now())
		if err != nil || !slices.Equal(by, []storage.Dataset{mail, web}) {
			s.Errorf("users of %s: %v, %v", base, by, err)
		}
	}

	// Between its effects and the commit a jail is out of sight, and all of it can come back.
	c, err := s.d.Destroy(ctx, web, storage.DestroyOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range c.Do {
		if err := e.Do(ctx); err != nil {
			s.Fatal(err)
		}
	}
	if got := s.names(storage.Jails); got != "mail" {
		s.Errorf("jails: %q, want mail", got)
	}
	_, err = s.d.Stat(ctx, web)
	s.want("stat of what is being destroyed", err, fault.NotFound)
	if shared {
		_, err = s.d.Destroy(ctx, base, storage.DestroyOptions{})
		s.want("destroy of the release of a jail that may come back", err, fault.Busy)
	}
	for i := len(c.Do) - 1; i >= 0; i-- {
		if err := c.Do[i].Undo(ctx); err != nil {
			s.Fatal(err)
		}
	}
	s.same("the jail that came back", s.look(web), content)
	if got := s.snapshots(web); got != "one" {
		s.Errorf("its snapshots: %q, want one", got)
	}

	s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
	_, err = s.d.Destroy(ctx, web, storage.DestroyOptions{})
	s.want("destroy of what is destroyed", err, fault.NotFound)
	s.must(s.d.Destroy(ctx, mail, storage.DestroyOptions{}))
	s.must(s.d.Destroy(ctx, base, storage.DestroyOptions{}))
	s.same("the world", s.w.State(s), before)
}

func (s *suite) files() {
	before := s.w.State(s)
	web := s.jail("web", s.release("base").Now())
	read := func(want string) {
		s.Helper()
		data, err := s.d.ReadFile(ctx, web, "config.json")
		if want == "" {
			s.want("read of no file", err, fault.NotFound)
		} else if err != nil || string(data) != want {
			s.Errorf("config.json: %q, %v; want %q", data, err, want)
		}
	}
	read("")
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("one")))
	read("one")
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("two")))
	read("two")
	if c, err := s.d.WriteFile(ctx, web, "config.json", []byte("two")); err != nil || len(c.Do) != 0 {
		s.Errorf("write of what is there: %d effects, %v; want none", len(c.Do), err)
	}
	// A change that was planned on another content does not replace this one.
	stale, err := s.d.WriteFile(ctx, web, "config.json", []byte("stale"))
	if err != nil {
		s.Fatal(err)
	}
	s.must(s.d.WriteFile(ctx, web, "config.json", []byte("three")))
	s.want("a write that was planned on another content", s.run(stale), fault.Busy)
	read("three")
	if err := stale.Do[0].Undo(ctx); err != nil {
		s.Error(err)
	}
	read("three")
	s.must(s.d.WriteFile(ctx, web, "config.json", nil))
	read("")
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\x00b"} {
		_, err := s.d.WriteFile(ctx, web, name, []byte("x"))
		s.want("write of "+name, err, fault.Invalid)
		_, err = s.d.ReadFile(ctx, web, name)
		s.want("read of "+name, err, fault.Invalid)
	}
	_, err = s.d.WriteFile(ctx, storage.Jail("no"), "config.json", nil)
	s.want("write to nothing", err, fault.NotFound)
	s.globalFiles()
	s.empty(before)
}

// globalFiles wants those to be there, and nothing else to be possible with what they belong to.
func (s *suite) globalFiles() {
	s.Helper()
	g := storage.Global()
	if _, err := s.d.ReadFile(ctx, g, "defaults.json"); !errors.Is(err, fault.NotFound) {
		s.Errorf("read of no global file: got %v", err)
	}
	s.must(s.d.WriteFile(ctx, g, "defaults.json", []byte("one")))
	if data, err := s.d.ReadFile(ctx, g, "defaults.json"); err != nil || string(data) != "one" {
		s.Errorf("defaults.json: %q, %v", data, err)
	}
	s.must(s.d.WriteFile(ctx, g, "defaults.json", nil))
	for _, name := range []string{"id", "jails", "root", "../x.json", ".json", ""} {
		_, err := s.d.WriteFile(ctx, g, name, []byte("x"))
		s.want("write of the global file "+name, err, fault.Invalid)
	}
	_, err := s.d.Destroy(ctx, g, storage.DestroyOptions{})
	s.want("destroy of what is global", err, fault.Invalid)
	_, err = s.d.Rename(ctx, g, storage.Jail("x"), storage.RenameOptions{})
	s.want("rename of what is global", err, fault.Invalid)
	_, err = s.d.Clone(ctx, g.Now(), storage.Jail("x"), storage.CloneOptions{})
	s.want("clone of what is global", err, fault.Invalid)
	_, err = s.d.Snapshot(ctx, g, "x", storage.SnapshotOptions{})
	s.want("snapshot of what is global", err, fault.Invalid)
	_, err = s.d.Root(ctx, g)
	s.want("root of what is global", err, fault.Invalid)
	_, err = s.d.Fill(ctx, g)
	s.want("fill of what is global", err, fault.Invalid)
}

func (s *suite) usage() {
	base := s.release("base")
	web := s.jail("web", base.Now())
	small, err := s.d.Usage(ctx, web)
	if err != nil || small.Referenced < 256<<10 || small.Available <= 0 {
		s.Errorf("usage of a clone: %+v, %v", small, err)
	}
	s.edit(web, put("home/big", string(make([]byte, 300<<10))), Edit{Op: Write, Path: "home/random", Data: noise(300 << 10)})
	s.snap(web, "one")
	big, err := s.d.Usage(ctx, web)
	if err != nil || big.Used < small.Used+300<<10 || big.Referenced < small.Referenced+300<<10 {
		s.Errorf("usage after 300 kB were written: %+v, %v; before: %+v", big, err, small)
	}
	s.edit(web, Edit{Op: Remove, Path: "home/random"})
	s.snap(web, "two")
	all, err := s.d.Snapshots(ctx, web)
	if err != nil || len(all) != 2 || all[0].Used == 0 { // what was removed is in the first alone
		s.Errorf("snapshots: %+v, %v", all, err)
	}
	if s.d.Features(ctx).Cheap && small.Used > 128<<10 {
		s.Errorf("a clone of %d bytes takes %d", small.Referenced, small.Used)
	}
}

// noise is data that does not compress.
func noise(n int) []byte {
	p := make([]byte, n)
	x := uint32(2463534242)
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x)
	}
	return p
}

func (s *suite) refused() {
	base := s.release("base")
	web := s.jail("web", base.Now())
	s.snap(web, "one")
	s.edit(web, round(1)...)
	no := storage.Jail("no")
	before := s.w.State(s)
	f := s.d.Features(ctx)
	check := func(what string, kind fault.Kind) func(storage.Change, error) {
		return func(c storage.Change, err error) {
			s.Helper()
			s.want(what, err, kind)
			if len(c.Do)+len(c.After) > 0 {
				s.Errorf("%s: refused, but with effects", what)
			}
		}
	}
	check("clone of nothing", fault.NotFound)(s.d.Clone(ctx, no.Now(), storage.Jail("x"), storage.CloneOptions{}))
	check("clone of no snapshot", fault.NotFound)(s.d.Clone(ctx, web.At("two"), storage.Jail("x"), storage.CloneOptions{}))
	check("clone to a name that is taken", fault.Exists)(s.d.Clone(ctx, base.Now(), web, storage.CloneOptions{}))
	check("clone to itself", fault.Exists)(s.d.Clone(ctx, web.Now(), web, storage.CloneOptions{}))
	check("clone to a release", fault.Invalid)(s.d.Clone(ctx, web.Now(), storage.Release("x"), storage.CloneOptions{}))
	for _, bad := range []storage.Name{"", ".", "..", "../x", "a/b", ".x", "-x", "a@b", "x\n"} {
		check("clone to a bad name", fault.Invalid)(s.d.Clone(ctx, base.Now(), storage.Jail(bad), storage.CloneOptions{}))
		check("clone of a bad name", fault.Invalid)(s.d.Clone(ctx, storage.Jail(bad).Now(), no, storage.CloneOptions{}))
		check("rename to a bad name", fault.Invalid)(s.d.Rename(ctx, web, storage.Jail(bad), storage.RenameOptions{}))
		check("destroy of a bad name", fault.Invalid)(s.d.Destroy(ctx, storage.Jail(bad), storage.DestroyOptions{}))
		check("snapshot with a bad name", fault.Invalid)(s.d.Snapshot(ctx, web, storage.SnapshotName(bad), storage.SnapshotOptions{}))
		_, err := s.d.Fill(ctx, storage.Release(bad))
		s.want("fill with a bad name", err, fault.Invalid)
	}
	check("snapshot of nothing", fault.NotFound)(s.d.Snapshot(ctx, no, "one", storage.SnapshotOptions{}))
	check("snapshot of a release", fault.Invalid)(s.d.Snapshot(ctx, base, "one", storage.SnapshotOptions{}))
	check("snapshot that is there", fault.Exists)(s.d.Snapshot(ctx, web, "one", storage.SnapshotOptions{}))
	check("rollback to no snapshot", fault.NotFound)(s.d.Rollback(ctx, web, "two", storage.RollbackOptions{}))
	check("rollback of a release", fault.Invalid)(s.d.Rollback(ctx, base, "one", storage.RollbackOptions{}))
	check("destroy of no snapshot", fault.NotFound)(s.d.DestroySnapshot(ctx, web, "two", storage.SnapshotOptions{}))
	check("destroy of nothing", fault.NotFound)(s.d.Destroy(ctx, no, storage.DestroyOptions{}))
	check("rollback of a running jail", fault.Busy)(s.d.Rollback(ctx, web, "one", storage.RollbackOptions{Running: true}))
	check("rename of a running jail", fault.Busy)(s.d.Rename(ctx, web, no, storage.RenameOptions{Running: true}))
	check("destroy of a running jail", fault.Busy)(s.d.Destroy(ctx, web, storage.DestroyOptions{Running: true}))
	if !f.Live {
		check("snapshot of a running jail", fault.Busy)(s.d.Snapshot(ctx, web, "two", storage.SnapshotOptions{Running: true}))
		check("clone of a running jail", fault.Busy)(s.d.Clone(ctx, web.Now(), no, storage.CloneOptions{Running: true}))
	}
	if _, err := s.d.Clone(ctx, web.At("one"), no, storage.CloneOptions{Running: true}); err != nil {
		s.Errorf("clone of a snapshot of a running jail: %v", err)
	}
	for _, o := range []storage.Origin{no.Now(), web.At("two")} {
		_, err := s.d.Users(ctx, o)
		s.want("users of "+o.String(), err, fault.NotFound)
	}
	_, err := s.d.Stat(ctx, no)
	s.want("stat of nothing", err, fault.NotFound)
	_, err = s.d.Root(ctx, no)
	s.want("root of nothing", err, fault.NotFound)
	_, err = s.d.Usage(ctx, no)
	s.want("usage of nothing", err, fault.NotFound)
	_, err = s.d.Snapshots(ctx, no)
	s.want("snapshots of nothing", err, fault.NotFound)
	_, err = s.d.List(ctx, 0)
	s.want("list of no kind", err, fault.Invalid)
	s.same("the world after plans and refusals", s.w.State(s), before)
}

// taken plans a change, lets another come first, and checks that what the other made stays.
func (s *suite) taken() {
	base := s.release("base")
	web := s.jail("web", base.Now())
	s.edit(web, round(1)...)
	x := storage.Jail("x")
	rel := storage.Release("new")
	fill := func() (storage.Change, error) {
		f, err := s.d.Fill(ctx, rel)
		if err != nil {
			return storage.Change{}, err
		}
		s.must(f.Stage(), nil)
		return f.Publish(), nil
	}
	for _, tc := range []struct {
		name string
		plan func() (storage.Change, error)
		make func() storage.Dataset
	}{
		{"clone", func() (storage.Change, error) {
			return s.d.Clone(ctx, base.Now(), x, storage.CloneOptions{})
		}, func() storage.Dataset { return s.jail("x", base.Now()) }},
		{"clone_of_jail", func() (storage.Change, error) {
			return s.d.Clone(ctx, web.Now(), x, storage.CloneOptions{})
		}, func() storage.Dataset { return s.jail("x", base.Now()) }},
		{"thick", func() (storage.Change, error) {
			return s.d.Clone(ctx, base.Now(), x, storage.CloneOptions{Thick: true})
		}, func() storage.Dataset { return s.jail("x", base.Now()) }},
		{"rename", func() (storage.Change, error) {
			return s.d.Rename(ctx, web, x, storage.RenameOptions{})
		}, func() storage.Dataset { return s.jail("x", base.Now()) }},
		{"publish", fill, func() storage.Dataset { return s.release("new") }},
	} {
		s.t.Run(tc.name, func(t *testing.T) {
			s := &suite{TB: t, t: t, w: s.w, d: s.d, fresh: s.fresh}
			c, err := tc.plan()
			if err != nil {
				t.Fatal(err)
			}
			theirs := tc.make()
			s.mark(theirs)
			content, id := s.look(theirs), s.id(theirs)
			s.want(tc.name+" to a name that was taken since", s.run(c), fault.Exists)
			for i := len(c.Do) - 1; i >= 0; i-- {
				name, params := encode(t, s.w, c.Do[i])
				for range 2 {
					if err := decode(t, s.w, name, params).Undo(ctx); err != nil {
						t.Errorf("undo of what did not happen: %v", err)
					}
				}
			}
			if got := s.id(theirs); got != id {
				t.Errorf("their dataset has id %s, had %s", got, id)
			}
			s.same("their dataset", s.look(theirs), content)
			s.must(s.d.Destroy(ctx, theirs, storage.DestroyOptions{}))
		})
	}
}

// takenSnapshot is taken for the name of a snapshot, and for a state that was rolled back meanwhile.
func (s *suite) takenSnapshot() {
	web, looks := s.history(2)
	plan, err := s.d.Snapshot(ctx, web, "s3", storage.SnapshotOptions{})
	if err != nil {
		s.Fatal(err)
	}
	s.snap(web, "s3")
	if err := s.run(plan); !errors.Is(err, fault.Busy) && !errors.Is(err, fault.Exists) {
		s.Errorf("snapshot under a name that was taken since: %v", err)
	}
	s.undo(plan)
	if got := s.snapshots(web); got != "s1 s2 s3" {
		s.Errorf("snapshots: %q, want s1 s2 s3", got)
	}
	s.past(web, map[storage.SnapshotName][]string{"s2": looks[1], "s3": looks[2]})
	s.same("the jail", s.look(web), looks[2])

	// A dataset that was made again under the same name is another one.
	gone, err := s.d.Destroy(ctx, web, storage.DestroyOptions{})
	if err != nil {
		s.Fatal(err)
	}
	moved, err := s.d.Rename(ctx, web, storage.Jail("moved"), storage.RenameOptions{})
	if err != nil {
		s.Fatal(err)
	}
	s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
	s.jail("web", storage.Release("base").Now())
	fresh := s.look(web)
	for _, c := range []storage.Change{gone, moved} {
		s.want("a change of what was made again", s.run(storage.Change{Do: c.Do}), fault.Busy)
		s.undo(c)
	}
	s.same("the jail that was made again", s.look(web), fresh)
}

// usedSince undoes the publishing of a release of which a jail was made meanwhile.
func (s *suite) usedSince() {
	base := storage.Release("base")
	f, err := s.d.Fill(ctx, base)
	if err != nil {
		s.Fatal(err)
	}
	s.must(f.Stage(), nil)
	s.write(f)
	publish := f.Publish()
	s.do(publish)
	web := s.jail("web", base.Now())
	s.edit(web, round(1)...)
	look := s.look(web)
	for _, e := range publish.Do {
		if err := e.Undo(ctx); err != nil && !errors.Is(err, fault.Busy) {
			s.Errorf("undo of a publishing, of which a jail was made: %v", err)
		}
	}
	s.same("the jail", s.look(web), look)

	// What a jail stands on, its clone stands on too, whether the jail is there or not.
	twin := s.jail("twin", web.Now())
	if s.d.Features(ctx).Independent {
		s.must(s.d.Destroy(ctx, web, storage.DestroyOptions{}))
	}
	if !s.d.Features(ctx).Cheap {
		return
	}
	_, err = s.d.Destroy(ctx, base, storage.DestroyOptions{})
	s.want("destroy of a release that a clone of a jail stands on", err, fault.Busy)
	s.same("that clone", s.look(twin), look)
}

// mark writes to a jail; a release is left alone.
func (s *suite) mark(d storage.Dataset) {
	s.Helper()
	if d.Kind == storage.Jails {
		s.edit(d, put("etc/theirs", "not to be lost"))
	}
}
