//go:build linux

package archive

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func (a *archiver) create(files []string) error {
	if len(files) == 0 {
		return applet.Usagef("there is nothing to pack")
	}
	if a.bzip {
		return applet.Usagef("packing with bzip2 is not supported")
	}
	out := a.p.Stdout
	var self os.FileInfo
	if a.file != "-" {
		f, err := os.Create(a.p.Path(a.file))
		if err != nil {
			return err
		}
		defer f.Close()
		self, _ = f.Stat()
		out = f
	} else if f := applet.File(out); f != nil {
		if fi, err := f.Stat(); err == nil && fi.Mode()&os.ModeCharDevice != 0 {
			if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
				return errors.New("refusing to write an archive to a terminal (use -f)")
			}
		}
		a.out = a.p.Stderr
	}
	var z *gzip.Writer
	if a.gzip {
		z = gzip.NewWriter(out)
		out = z
	}
	t := tar.NewWriter(out)
	p := &packer{archiver: a, t: t, self: self}
	for _, name := range files {
		if err := p.add(name, 0); err != nil {
			return err
		}
	}
	err := t.Close()
	if z != nil {
		err = errors.Join(err, z.Close())
	}
	return err
}

// packer writes files into an archive.
type packer struct {
	*archiver
	t    *tar.Writer
	self os.FileInfo // the archive, which is not packed into itself
	dev  uint64
}

// path is where a name of the command line is found.
func (a *archiver) path(name string) string {
	if a.dir != "" && !strings.HasPrefix(name, "/") {
		name = strings.TrimSuffix(a.dir, "/") + "/" + name
	}
	return a.p.Path(name)
}

// add packs a file or a tree. Only an error of the archive ends the packing.
func (p *packer) add(name string, depth int) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.excluded(name) {
		return nil
	}
	stat := os.Lstat
	if p.follow {
		stat = os.Stat
	}
	fi, err := stat(p.path(name))
	if err != nil {
		p.p.Fail(name, err)
		return nil
	}
	st := fi.Sys().(*syscall.Stat_t)
	if depth == 0 {
		p.dev = st.Dev
	}
	if p.self != nil && os.SameFile(fi, p.self) || p.oneDev && st.Dev != p.dev {
		return nil
	}
	h, err := p.header(name, fi, st)
	if err != nil {
		p.p.Fail(name, err)
		return nil
	}
	if err := p.write(name, h); err != nil || !fi.IsDir() {
		return err
	}
	entries, err := os.ReadDir(p.path(name))
	p.p.Fail(name, err)
	for _, e := range entries {
		if err := p.add(strings.TrimSuffix(name, "/")+"/"+e.Name(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) header(name string, fi os.FileInfo, st *syscall.Stat_t) (*tar.Header, error) {
	target := ""
	if fi.Mode()&os.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(p.path(name)); err != nil {
			return nil, err
		}
	}
	if fi.Mode()&os.ModeSocket != 0 {
		return nil, errors.New("a socket cannot be packed")
	}
	// FileInfoHeader would look names up through os/user for every file.
	h, err := tar.FileInfoHeader(plainInfo{fi}, target)
	if err != nil {
		return nil, err
	}
	h.Name = name
	if !p.absolute {
		h.Name = strings.TrimLeft(name, "/")
		if h.Name == "" {
			h.Name = "./"
		}
	}
	if fi.IsDir() {
		h.Name = strings.TrimSuffix(h.Name, "/") + "/"
	}
	h.Uid, h.Gid = int(st.Uid), int(st.Gid)
	if p.owner >= 0 {
		h.Uid = p.owner
	}
	if p.group >= 0 {
		h.Gid = p.group
	}
	if !p.numeric {
		if u, ok := p.names.ByUID(h.Uid); ok {
			h.Uname = u.Name
		}
		h.Gname, _ = p.names.ByGID(h.Gid)
	}
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	}
	if fi.Mode().IsRegular() && st.Nlink > 1 {
		id := [2]uint64{st.Dev, st.Ino}
		if first, ok := p.hard[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			p.hard[id] = h.Name
		}
	}
	return h, nil
}

// plainInfo hides the system's data of a file, so that archive/tar does not look at it.
type plainInfo struct{ os.FileInfo }

func (plainInfo) Sys() any { return nil }

func (p *packer) write(name string, h *tar.Header) error {
	var in *os.File
	if h.Typeflag == tar.TypeReg {
		f, err := os.Open(p.path(name))
		if err != nil {
			p.p.Fail(name, err)
			return nil
		}
		defer f.Close()
		in = f
	}
	if err := p.t.WriteHeader(h); err != nil {
		return err
	}
	if p.verbose {
		fmt.Fprintln(p.out, h.Name)
	}
	if in == nil {
		return nil
	}
	n, err := applet.Copy(p.ctx, p.t, io.LimitReader(in, h.Size))
	if err != nil {
		return fmt.Errorf("%s: %s", name, applet.Reason(err))
	}
	if n < h.Size {
		p.p.Errorf("%s: file shrank by %d bytes; filled with zeros", name, h.Size-n)
		_, err = io.CopyN(p.t, zeros{}, h.Size-n)
	}
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
