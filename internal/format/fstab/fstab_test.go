package fstab

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = "# mounts\n\n/srv/www\t/www\tnullfs\tro,noexec\t0\t0 # the site\n" +
	"/usr/bin /bin nullfs ro 0 0 # iocage-auto\ntmpfs /tmp\\040dir tmpfs size=1m,defaults\n"

func TestParse(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Source: "/srv/www", Target: "/www", Type: "nullfs", Options: []string{"ro", "noexec"}, Comment: "the site", Line: 3},
		{Source: "tmpfs", Target: "/tmp dir", Type: "tmpfs", Options: []string{"size=1m"}, Line: 5},
	}
	if diff := cmp.Diff(want, f.Entries()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := string(f.Encode()); got != sample {
		t.Errorf("it is not written as it was:\n%s", cmp.Diff(sample, got))
	}
	f.Add(Entry{Source: "/a b", Target: "/c", Type: "bind", Comment: "new"})
	f.Remove(func(e Entry) bool { return e.Target == "/www" })
	const changed = "# mounts\n\n/usr/bin /bin nullfs ro 0 0 # iocage-auto\ntmpfs /tmp\\040dir tmpfs size=1m,defaults\n" +
		"/a\\040b\t/c\tbind\tdefaults\t0\t0\t# new\n"
	if diff := cmp.Diff(changed, string(f.Encode())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"source_alone", "\n/a\n", "fstab:2:3: no target"},
		{"no_type", "/a /b", "fstab:1:6: no type"},
		{"no_options", "/a /b nullfs # x", "fstab:1:13: no options"},
		{"empty_option", "/a /b nullfs ro,,rw 0 0", `fstab:1:14: "ro,,rw": an option is empty`},
		{"dump", "/a /b nullfs ro x 0", `fstab:1:17: "x" is not a number`},
		{"pass", "/a /b nullfs ro 0 -1", `fstab:1:19: "-1" is not a number`},
		{"seven", "/a /b nullfs ro 0 0 0", `fstab:1:21: "0": a line has six fields`},
		{"escape", `/a\4 /b nullfs ro`, `fstab:1:1: "/a\\4": a backslash begins three octal digits`},
		{"zero", "/a\x00 /b nullfs ro", `fstab:1:3: control character '\x00'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if at, ok := errors.AsType[*Error](err); !ok || at.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzParse wants what was read to be written so that it is read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("a b c d 1 2#"))
	f.Add([]byte(`\040 \134 x y`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		all := file.Entries()
		again, err := Parse(file.Encode())
		if err != nil || !cmp.Equal(all, again.Entries()) {
			t.Fatalf("%q: %v, %v", text, err, cmp.Diff(all, again.Entries()))
		}
		var fresh File
		for _, e := range all {
			fresh.Add(e)
		}
		again, err = Parse(fresh.Encode())
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := again.Entries()
		if len(got) != len(all) {
			t.Fatalf("%q: %d entries, want %d", text, len(got), len(all))
		}
		for i, e := range got {
			e.Line = all[i].Line
			if !cmp.Equal(e, all[i]) && !slices.Contains([]string{auto}, all[i].Comment) {
				t.Fatalf("%q: %s", text, cmp.Diff(all[i], e))
			}
		}
	})
}
