package release

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// extract writes the archive r to t. Size is what r is expected to have, for the progress; 0: nobody knows.
func extract(ctx context.Context, r io.Reader, size int64, t Target) (Written, error) {
	x := newExtractor(ctx, t)
	x.size, x.read = size, t.Read
	digest, _, err := x.archive(r)
	if err == nil && x.got.Files == 0 {
		err = fault.New("", fault.Invalid, "", errors.New("it holds no files"))
	}
	if err != nil {
		return x.got, err
	}
	x.got.Digest = digest
	return x.got, x.report(true)
}

// extractor writes one archive, or several on top of each other. Its limits are for all of them.
type extractor struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one import
	t       Target
	in      *input
	read    io.Writer // is given what is read, too; may be nil
	plain   *budget
	before  int64 // read of the archives before this one
	size    int64 // of all of them; 0: not known
	limit   int64
	left    int64 // bytes of files that may still come
	entries int64 // and files
	layers  *layers
	buf     *bufio.Reader
	shown   int64
	got     Written
}

func newExtractor(ctx context.Context, t Target) *extractor {
	x := &extractor{ctx: ctx, t: t, limit: t.Policy.Bytes, entries: t.Policy.Entries}
	if x.limit == 0 {
		x.limit = maxBytes
	}
	if x.entries == 0 {
		x.entries = maxEntries
	}
	x.left = x.limit
	return x
}

// full is the error of too much.
func (x *extractor) full() error {
	return fault.New("", fault.Invalid, "", fmt.Errorf("it holds more than %d bytes", x.limit))
}

// archive writes one archive, and gives the digests of what was read and of what that was unpacked.
func (x *extractor) archive(r io.Reader) (packed, plain string, err error) {
	hash := sha256.New()
	x.in = &input{r: r, ctx: x.ctx, hash: hash}
	if x.read != nil {
		x.in.hash = io.MultiWriter(hash, x.read)
	}
	content, format, end, err := decompress(x.in)
	if err != nil {
		return "", "", wrongArchive(err)
	}
	defer end()
	// What is between the files is bounded too: headers come in any number and size.
	inner := sha256.New()
	x.plain = &budget{r: &unpacked{content, x.in}, left: x.left + x.limit/4 + x.entries*1024, full: x.full()}
	if x.layers != nil && format != "tar" {
		x.plain.hash = inner
	}
	if err := x.all(tar.NewReader(x.plain)); err != nil {
		return "", "", wrongArchive(err)
	}
	// To the very end: the sums of compressed streams come last, and the digest is that of the file.
	if _, err := io.Copy(io.Discard, x.plain); err != nil {
		return "", "", wrongArchive(err)
	}
	end()
	if _, err := io.Copy(io.Discard, x.in); err != nil {
		return "", "", err
	}
	x.before += x.in.n.Load()
	packed = "sha256:" + hex.EncodeToString(hash.Sum(nil))
	if format == "tar" {
		return packed, packed, nil
	}
	return packed, "sha256:" + hex.EncodeToString(inner.Sum(nil)), nil
}

func (x *extractor) all(r *tar.Reader) error {
	for {
		hdr, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if x.got.Files >= x.entries {
			return fault.New("", fault.Invalid, "", fmt.Errorf("it holds more than %d files", x.entries))
		}
		if err := x.entry(hdr, r); err != nil {
			if _, earlier := errors.AsType[*storage.EarlierError](err); earlier {
				return err
			}
			return fault.New("", fault.Unknown, fmt.Sprintf("%.100q", hdr.Name), err)
		}
		if err := x.report(false); err != nil {
			return err
		}
	}
	if !x.plain.ended() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// report tells how much of the input is done, now and then.
func (x *extractor) report(last bool) error {
	n := x.before
	if !last {
		n += x.in.n.Load()
	}
	if !last && n-x.shown < max(1<<20, x.size/100) {
		return nil
	}
	x.shown = n
	return x.t.Progress(n, x.size)
}

// entry lets one entry in, or not.
func (x *extractor) entry(hdr *tar.Header, r io.Reader) error {
	name, err := inside(hdr.Name)
	if err != nil {
		return err
	}
	a, err := x.attr(hdr)
	if err != nil {
		return err
	}
	if x.layers != nil && hdr.Typeflag != tar.TypeXGlobalHeader {
		if gone, err := x.layers.entry(name, hdr.Typeflag == tar.TypeDir); gone || err != nil {
			return err
		}
	}
	tree := x.t.Tree
	switch hdr.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil
	case tar.TypeDir:
		err = tree.Mkdir(name, a)
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		err = x.file(name, a, hdr.Size, r)
	case tar.TypeSymlink:
		if hdr.Linkname == "" || strings.ContainsRune(hdr.Linkname, 0) || len(hdr.Linkname) > maxName {
			return invalid("its target is no name")
		}
		err = tree.Symlink(name, hdr.Linkname, a)
	case tar.TypeLink:
		to, bad := inside(hdr.Linkname)
		if bad != nil {
			return fmt.Errorf("link to %q: %w", hdr.Linkname, bad)
		}
		err = tree.Link(name, to)
	case tar.TypeFifo:
		err = tree.Node(name, a, 0, 0)
	case tar.TypeChar, tar.TypeBlock:
		return x.device(name, a, hdr)
	default:
		return invalid(fmt.Sprintf("entries of type %q are not known", hdr.Typeflag))
	}
	x.got.Files++
	return err
}

func (x *extractor) device(name string, a storage.Attr, hdr *tar.Header) error {
	switch x.t.Policy.Devices.or(Drop) {
	case Refuse:
		return invalid("it is a device node")
	case Drop:
		x.got.Left++
		return nil
	default:
		if hdr.Devmajor < 0 || hdr.Devminor < 0 || hdr.Devmajor > math.MaxUint32 || hdr.Devminor > math.MaxUint32 {
			return invalid("its device number is none")
		}
		x.got.Files++
		return x.t.Tree.Node(name, a, uint32(hdr.Devmajor), uint32(hdr.Devminor))
	}
}

// file writes a regular file, and looks at it on the way: what system is this?
func (x *extractor) file(name string, a storage.Attr, size int64, r io.Reader) error {
	if size > x.left {
		return x.full()
	}
	x.left -= size
	x.got.Bytes += size
	if x.buf == nil {
		x.buf = bufio.NewReaderSize(nil, 64<<10)
	}
	x.buf.Reset(&ticker{r, x})
	if x.got.Arch == "" && program(name) { // to look at it copies it
		if head, err := x.buf.Peek(20); err == nil {
			x.got.Arch = elfArch(head)
		}
	}
	if size > 4096 || name != "etc/os-release" && name != "usr/lib/os-release" {
		return x.t.Tree.File(name, a, x.buf)
	}
	text, err := io.ReadAll(x.buf)
	if err != nil {
		return err
	}
	if title := prettyName(text); title != "" {
		x.got.Title = title
	}
	return x.t.Tree.File(name, a, bytes.NewReader(text))
}

// ticker reports progress within a large file.
type ticker struct {
	r io.Reader
	x *extractor
}

func (t *ticker) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if stopped := t.x.report(false); stopped != nil {
		return n, stopped
	}
	return n, err
}

// attr is what of a header is taken over.
func (x *extractor) attr(hdr *tar.Header) (storage.Attr, error) {
	a := storage.Attr{Mode: hdr.FileInfo().Mode(), UID: hdr.Uid, GID: hdr.Gid, ModTime: hdr.ModTime}
	// The highest id means "leave as it is" to the kernel, and would give the file to root.
	if hdr.Uid < 0 || hdr.Gid < 0 || int64(hdr.Uid) >= math.MaxUint32 || int64(hdr.Gid) >= math.MaxUint32 {
		return a, invalid("its owner is no user or group")
	}
	if bits := a.Mode & (fs.ModeSetuid | fs.ModeSetgid); bits != 0 && !a.Mode.IsDir() {
		switch x.t.Policy.Setuid.or(Keep) {
		case Refuse:
			return a, invalid("it is a setuid or setgid program")
		case Drop:
			a.Mode &^= bits
		}
	}
	n := 0
	for record, value := range hdr.PAXRecords {
		key, ok := strings.CutPrefix(record, "SCHILY.xattr.")
		if !ok || !wantXattr(key) {
			continue
		}
		if n++; n > maxXattrs || len(value) > maxXattr || len(key) > 255 {
			return a, invalid("its extended attributes are too many or too large")
		}
		if a.Xattrs == nil {
			a.Xattrs = map[string][]byte{}
		}
		a.Xattrs[key] = []byte(value)
	}
	return a, nil
}

// wantXattr lets content in and keeps out what steers the host: marks of layers, labels of its
// security modules.
func wantXattr(key string) bool {
	if key == "security.capability" || strings.HasPrefix(key, "system.posix_acl_") {
		return true
	}
	return strings.HasPrefix(key, "user.") && !strings.HasPrefix(key, "user.overlay.")
}

// inside is a name in the archive as a name in the tree. What could lead out is refused, not mended:
// who writes such an archive means it.
func inside(name string) (string, error) {
	switch {
	case len(name) > maxName:
		return "", invalid("its name is too long")
	case strings.HasPrefix(name, "/"):
		return "", invalid("its name is absolute")
	}
	var elems []string
	for elem := range strings.SplitSeq(name, "/") {
		switch elem {
		case "", ".":
		case "..":
			return "", invalid("its name leads upwards")
		default:
			elems = append(elems, elem)
		}
	}
	if len(elems) == 0 {
		return ".", nil
	}
	clean := strings.Join(elems, "/")
	if !storage.ValidPath(clean) {
		return "", invalid("its name is none")
	}
	return clean, nil
}

func invalid(why string) error { return fault.New("", fault.Invalid, "", errors.New(why)) }

// wrongArchive classifies what a decompressor or package tar found.
func wrongArchive(err error) error {
	if fault.KindOf(err) != fault.Unknown {
		return err
	}
	if errors.Is(err, tar.ErrHeader) {
		return fault.New("", fault.Corrupt, "", err).WithRemedy("get it again")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fault.New("", fault.Corrupt, "", errors.New("the archive was cut off"))
	}
	return err
}
