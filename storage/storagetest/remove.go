package storagetest

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// fillRemove fills two releases with the same, one of them after more that was taken away again.
func (s *suite) fillRemove() {
	want := s.look(s.release("base"))
	f, err := s.d.Fill(ctx, storage.Release("other"))
	if err != nil {
		s.Fatal(err)
	}
	s.must(f.Stage(), nil)
	t, err := f.Tree(ctx)
	if err != nil {
		s.Fatal(err)
	}
	must := func(what string, err error) {
		s.Helper()
		if err != nil {
			s.Errorf("%s: %v", what, err)
		}
	}
	at := storage.Attr{Mode: 0o600}
	dir := storage.Attr{Mode: fs.ModeDir | 0o500}
	must("mkdir", t.Mkdir("gone", dir))
	must("mkdir", t.Mkdir("gone/deep", dir))
	must("file", t.File("gone/deep/file", at, bytes.NewBufferString("x")))
	must("symlink", t.Symlink("gone/etc", "../etc", storage.Attr{}))
	must("symlink", t.Symlink("door", "etc", storage.Attr{}))
	must("content", base(t, s.d.Features(ctx)))
	must("link", t.Link("gone/passwd", "etc/passwd"))
	must("mkdir", t.Mkdir("gone-not", dir))
	must("remove of a directory", t.Remove("gone"))
	must("remove of a link to a directory", t.Remove("door"))
	must("remove of what is not there", t.Remove("gone/deep/file"))
	must("remove of what never was", t.Remove("never"))
	must("remove of an empty directory", t.Remove("gone-not"))
	for _, name := range []string{".", "..", "../etc", "/etc", ""} {
		s.want("remove of "+name, t.Remove(name), fault.Invalid)
	}
	must("file where a directory was", t.File("gone", at, bytes.NewBufferString("x")))
	must("remove of a file", t.Remove("gone"))
	if err := errors.Join(t.Close(), f.WriteFile(ctx, "release.json", []byte("{}\n"))); err != nil {
		s.Fatal(err)
	}
	s.must(f.Publish(), nil)
	s.same("the release from which something was removed", s.look(storage.Release("other")), want)
}
