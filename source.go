package ioc

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/bootstrap"
	"github.com/libioc/ioc/release/oci"
	"github.com/libioc/ioc/release/published"
	"github.com/libioc/ioc/storage"
)

// Prefixes of addresses that a release can be fetched from.
const (
	layoutPrefix  = "oci-layout:"
	archivePrefix = "docker-archive:"
)

// IsAddress reports whether s says where a release comes from: a distribution's (debian/bookworm, alpine/3.21,
// images:NAME, 15.0-RELEASE), an image in a registry (oci://), in a layout (oci-layout:) or of docker save (docker-archive:), or an archive on the
// web (http://, https://). Anything else is a name.
func IsAddress(s string) bool {
	for _, p := range []string{oci.Scheme, layoutPrefix, archivePrefix, "http://", "https://"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	if _, ok := published.Address(s); ok {
		return true
	}
	distribution, _, ok := strings.Cut(s, "/")
	return ok && slices.Contains(bootstrap.Names(), distribution)
}

// locate reads an address, and proposes a name for what is there. A mirror is asked instead of the servers that an
// address stands for which names none; empty: those.
func (x sources) locate(address, mirror string) (storage.Name, release.Source, error) {
	o := oci.Options{Cache: x.cache}
	if rest, ok := strings.CutPrefix(address, layoutPrefix); ok {
		dir, ref := cutReference(rest)
		src, err := oci.Layout(dir, ref, o)
		return named(filepath.Base(dir), ref), src, err
	}
	if rest, ok := strings.CutPrefix(address, archivePrefix); ok {
		file, tag := cutReference(rest)
		src, err := oci.Archive(file, tag)
		return named(stem(filepath.Base(file)), path.Base(strings.ReplaceAll(tag, ":", "-"))), src, err
	}
	if x.cache == nil {
		return "", nil, fault.Unsupported("fetching from the network", "a root directory: this is a dry run")
	}
	if strings.HasPrefix(address, oci.Scheme) {
		src, err := oci.Registry(address, o)
		image, digest, _ := strings.Cut(path.Base(strings.TrimPrefix(address, oci.Scheme)), "@")
		return named(strings.ReplaceAll(image, ":", "-"), strings.TrimPrefix(digest, "sha256:")), src, err
	}
	if distribution, suite, ok := strings.Cut(address, "/"); ok && slices.Contains(bootstrap.Names(), distribution) {
		src, err := bootstrap.New(distribution, suite, bootstrap.Options{Cache: x.cache, Mirror: mirror})
		return named(distribution, suite), src, err
	}
	if known, ok := published.Address(address); ok {
		src, err := published.New(known, published.Options{Cache: x.cache, Mirror: mirror})
		return named(strings.TrimPrefix(known, "freebsd/")), src, err
	}
	if mirror != "" {
		return "", nil, fault.New("fetch", fault.Invalid, address, errors.New("it says itself where it is, and has no mirror"))
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, fault.New("fetch", fault.Invalid, address, errors.Unwrap(err))
	}
	return named(stem(path.Base(u.Path)), ""), release.Web(x.cache, address, ""), nil
}

// cutReference cuts what follows the last colon, unless that is a part of the path.
func cutReference(s string) (file, reference string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.ContainsRune(s[i:], '/') && strings.Count(s, ":") == 1 {
		return s, ""
	}
	if j := strings.IndexByte(s, ':'); j != i && strings.IndexByte(s[j:], '/') < 0 { // FILE:NAME:TAG
		i = j
	}
	return s[:i], s[i+1:]
}

// stem is a file's name without what says how it is packed.
func stem(name string) string {
	for _, ext := range []string{".gz", ".xz", ".zst", ".bz2", ".tgz", ".txz", ".tar"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

// named makes a release's name of the parts that are not empty.
func named(parts ...string) storage.Name {
	const most = 64
	var b strings.Builder
	for _, part := range parts {
		if part = strings.Trim(part, "."); part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		for _, c := range part {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
				b.WriteRune(c)
			default:
				b.WriteByte('-')
			}
		}
	}
	name := strings.TrimLeft(b.String(), "._-")
	return storage.Name(name[:min(len(name), most)])
}

// newCache is where downloads of a root are.
func newCache(root string) *download.Cache {
	if root == "" {
		return nil
	}
	return &download.Cache{Dir: filepath.Join(root, "cache")}
}
