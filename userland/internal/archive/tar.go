//go:build linux

package archive

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
)

// archiver is one run of tar.
type archiver struct {
	ctx   context.Context
	p     *applet.Proc
	names account.Names

	mode                         byte // c, x, t, r
	file, dir                    string
	gzip, bzip, verbose, stdout  bool
	keepMode, numeric, keepOwner bool
	noOwner, noTime, keepOld     bool
	follow, absolute, oneDev     bool
	strip                        int
	exclude                      []string
	owner, group                 int
	root                         *os.Root
	hard                         map[[2]uint64]string
	out                          io.Writer // for what is listed
}

func tarFiles(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	a := &archiver{ctx: ctx, p: p, file: "-", owner: -1, group: -1, hard: map[[2]uint64]string{}, out: p.Out()}
	mode := func(names, help string) {
		o.Func(names, "", help, func(string) error {
			if a.mode != 0 && a.mode != names[0] {
				return errors.New("only one of -c, -x and -t may be given")
			}
			a.mode = names[0]
			return nil
		})
	}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	mode("c create", "pack files")
	mode("x extract", "unpack files")
	mode("t list", "list what is in the archive")
	o.Func("f file", "FILE", "the archive (default: standard input or output)", func(v string) error { a.file = v; return nil })
	o.Func("C directory", "DIR", "work in DIR", func(v string) error { a.dir = v; return nil })
	flag(&a.gzip, "z gzip", "pack with gzip; unpacking finds out by itself")
	flag(&a.bzip, "j bzip2", "unpack with bzip2; unpacking finds out by itself")
	flag(&a.verbose, "v verbose", "print the names, and with -t everything else")
	flag(&a.stdout, "O to-stdout", "unpack to standard output")
	flag(&a.keepMode, "p preserve-permissions", "unpack with the very modes (default for root)")
	flag(&a.numeric, "numeric-owner", "use numbers for owners")
	flag(&a.noOwner, "no-same-owner", "unpack as yourself")
	o.Func("o", "", "", func(string) error { a.noOwner = true; return nil })
	flag(&a.keepOwner, "same-owner", "unpack with the owners (default for root)")
	flag(&a.noTime, "m touch", "unpack without the times")
	flag(&a.keepOld, "k keep-old-files", "do not overwrite files")
	flag(&a.follow, "h dereference", "pack what symbolic links point at")
	flag(&a.absolute, "P absolute-names", "keep leading slashes when packing")
	flag(&a.oneDev, "one-file-system", "do not pack other file systems")
	o.Func("strip-components", "N", "leave out N leading parts of the names", func(v string) (err error) { a.strip, err = strconv.Atoi(v); return err })
	o.Func("exclude", "GLOB", "leave out names that match", func(v string) error { a.exclude = append(a.exclude, v); return nil })
	o.Func("X exclude-from", "FILE", "leave out names that match a line of FILE", func(v string) error {
		text, err := os.ReadFile(p.Path(v))
		a.exclude = append(a.exclude, strings.Fields(string(text))...)
		return err
	})
	var lists []string
	o.Func("T files-from", "FILE", "take names from the lines of FILE", func(v string) error { lists = append(lists, v); return nil })
	o.Func("owner", "OWNER", "pack as owned by OWNER", func(v string) (err error) { u, err := a.names.User(v); a.owner = u.UID; return err })
	o.Func("group", "GROUP", "pack as owned by GROUP", func(v string) (err error) { a.group, err = a.names.GID(v); return err })
	o.Note("The first argument may be without its dash: tar xzf FILE. Unpacking never leaves the directory:\nnames and links that would are refused.")
	p.Args = oldStyle(p.Args)
	files, err := o.Parse()
	if err != nil {
		return err
	}
	for _, list := range lists {
		err := p.EachInput(ctx, []string{list}, func(_ string, r io.Reader) error {
			for s := bufio.NewScanner(r); s.Scan(); {
				if s.Text() != "" {
					files = append(files, s.Text())
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	switch a.mode {
	case 'c':
		return a.create(files)
	case 'x', 't':
		return a.read(files)
	}
	return applet.Usagef("one of -c, -x and -t is needed")
}

// oldStyle gives the first argument its dash, and moves the values of f, C and their like behind their letters.
func oldStyle(args []string) []string {
	if len(args) == 0 || args[0] == "" || args[0][0] == '-' {
		return args
	}
	var out []string
	rest := args[1:]
	for _, c := range args[0] {
		out = append(out, "-"+string(c))
		if strings.ContainsRune("fCTX", c) && len(rest) > 0 {
			out = append(out, rest[0])
			rest = rest[1:]
		}
	}
	return append(out, rest...)
}

// excluded reports whether a name, or a directory it is in, matches a pattern.
func (a *archiver) excluded(name string) bool {
	for _, glob := range a.exclude {
		parts := strings.Split(strings.Trim(name, "/"), "/")
		for i := range parts {
			for j := i + 1; j <= len(parts); j++ {
				if ok, _ := path.Match(strings.TrimSuffix(glob, "/"), strings.Join(parts[i:j], "/")); ok {
					return true
				}
			}
		}
	}
	return false
}

// open opens the archive for reading, and undoes its compression, whatever its name is.
func (a *archiver) open() (io.Reader, io.Closer, error) {
	f, err := a.p.Open(a.ctx, a.file)
	if err != nil {
		return nil, nil, err
	}
	b := bufio.NewReaderSize(f, 64<<10)
	magic, _ := b.Peek(6)
	switch {
	case len(magic) > 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(b)
		return z, f, err
	case strings.HasPrefix(string(magic), "BZh"):
		return bzip2.NewReader(b), f, nil
	case strings.HasPrefix(string(magic), "\xfd7zXZ") || strings.HasPrefix(string(magic), "\x28\xb5\x2f\xfd"):
		f.Close()
		return nil, nil, fmt.Errorf("%s: xz and zstd are not supported", a.file)
	}
	return b, f, nil
}

func (a *archiver) read(wanted []string) error {
	r, c, err := a.open()
	if err != nil {
		return err
	}
	defer c.Close()
	if a.mode == 'x' && !a.stdout {
		if err := a.openRoot(); err != nil {
			return err
		}
		defer a.root.Close()
	}
	seen := make([]bool, len(wanted))
	matches := func(name string) bool {
		if len(wanted) == 0 {
			return true
		}
		hit := false
		name = strings.TrimPrefix(path.Clean(name), "./")
		for i, w := range wanted {
			w = strings.TrimPrefix(path.Clean(w), "./")
			if ok, _ := path.Match(w, name); ok || name == w || strings.HasPrefix(name, w+"/") {
				seen[i], hit = true, true
			}
		}
		return hit
	}
	x := &extractor{archiver: a}
	t := tar.NewReader(r)
	for {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("%s: %s", a.file, applet.Reason(err))
		}
		if !matches(h.Name) || a.excluded(h.Name) {
			continue
		}
		if err := a.entry(x, h, t); err != nil {
			return err
		}
	}
	x.finish()
	for i, ok := range seen {
		if !ok {
			a.p.Errorf("%s: not found in the archive", wanted[i])
		}
	}
	return nil
}

// entry lists or unpacks one entry.
func (a *archiver) entry(x *extractor, h *tar.Header, r io.Reader) error {
	name := h.Name
	if a.strip > 0 {
		parts := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
		if len(parts) <= a.strip {
			return nil
		}
		name = strings.Join(parts[a.strip:], "/")
	}
	switch {
	case a.mode == 't' && a.verbose:
		return a.p.Println(describe(h))
	case a.mode == 't':
		return a.p.Println(h.Name)
	case a.stdout:
		if h.Typeflag == tar.TypeReg {
			if _, err := applet.Copy(a.ctx, a.p.Out(), r); err != nil {
				return err
			}
		}
		return nil
	}
	if a.verbose {
		a.p.Println(name)
	}
	if err := x.extract(name, h, r); err != nil {
		if a.ctx.Err() != nil {
			return err
		}
		a.p.Fail(name, err)
	}
	return nil
}

func describe(h *tar.Header) string {
	mode := h.FileInfo().Mode().String()
	if h.Typeflag == tar.TypeSymlink {
		mode = "l" + mode[1:]
	}
	owner, group := h.Uname, h.Gname
	if owner == "" {
		owner = strconv.Itoa(h.Uid)
	}
	if group == "" {
		group = strconv.Itoa(h.Gid)
	}
	text := fmt.Sprintf("%s %s/%s %8d %s %s", mode, owner, group, h.Size, h.ModTime.Format("2006-01-02 15:04"), h.Name)
	switch h.Typeflag {
	case tar.TypeSymlink:
		text += " -> " + h.Linkname
	case tar.TypeLink:
		text += " link to " + h.Linkname
	}
	return text
}
