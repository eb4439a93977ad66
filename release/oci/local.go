package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
)

// refName is how a layout names its images: the OCI image specification, annotations.md.
const refName = "org.opencontainers.image.ref.name"

// Layout is an image in a directory of the OCI's layout. A reference chooses among several; empty: there
// is only one, or one for each platform.
func Layout(dir, reference string, o Options) (release.Source, error) {
	p, err := o.platform()
	if err != nil {
		return nil, err
	}
	return &local{name: "oci-layout:" + join(dir, reference), compressed: true, o: o, open: func() (v1.Image, error) {
		index, err := layout.ImageIndexFromPath(dir)
		if err != nil {
			return nil, err
		}
		if reference == "" {
			return choose(index, p, dir)
		}
		all, err := index.IndexManifest()
		if err != nil {
			return nil, err
		}
		var have []string
		for _, d := range all.Manifests {
			if n := d.Annotations[refName]; n != reference {
				have = append(have, n)
				continue
			}
			if !d.MediaType.IsIndex() {
				return index.Image(d.Digest)
			}
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return choose(inner, p, dir)
		}
		return nil, missing(dir, reference, have)
	}}, nil
}

// Archive is an image in a file that docker save or podman save wrote. A tag chooses among several;
// empty: there is only one.
func Archive(file, tag string) (release.Source, error) {
	var want *name.Tag
	if tag != "" {
		t, err := name.NewTag(tag)
		if err != nil {
			return nil, fault.New("fetch", fault.Invalid, fmt.Sprintf("%q", tag), errors.Unwrap(err))
		}
		want = &t
	}
	return &local{name: "docker-archive:" + join(file, tag), open: func() (v1.Image, error) {
		all, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
		if err != nil {
			return nil, err
		}
		have := tags(all)
		switch {
		case want == nil && len(all) > 1:
			return nil, fault.New("", fault.Invalid, file, fmt.Errorf("it has several images: %s", strings.Join(have, ", "))).
				WithRemedy("name one: docker-archive:" + file + ":TAG")
		case want != nil && !slices.ContainsFunc(have, func(t string) bool { return same(t, *want) }):
			return nil, missing(file, tag, have)
		}
		return tarball.ImageFromPath(file, want)
	}}, nil
}

func join(path, reference string) string {
	if reference == "" {
		return path
	}
	return path + ":" + reference
}

// local is an image that is there already.
type local struct {
	name       string
	compressed bool // its layers are kept as they are sent
	o          Options
	open       func() (v1.Image, error)
}

func (l *local) String() string { return l.name }

// Digest is that of the manifest or, in an archive, which has none, of the configuration.
func (l *local) Digest(context.Context) (string, error) {
	img, err := l.open()
	if err != nil {
		return "", l.classify(err)
	}
	d, err := l.digest(img)
	return d, l.classify(err)
}

func (l *local) digest(img v1.Image) (string, error) {
	get := img.ConfigName
	if l.compressed {
		get = img.Digest
	}
	d, err := get()
	return d.String(), err
}

func (l *local) Write(ctx context.Context, t release.Target) (release.Written, error) {
	img, err := l.open()
	if err != nil {
		return release.Written{}, l.classify(err)
	}
	digest, err := l.digest(img)
	if err != nil {
		return release.Written{}, l.classify(err)
	}
	m, all, err := l.archives(img)
	if err != nil {
		return release.Written{}, l.classify(err)
	}
	return release.Stack(m.options(l.name, digest, l.o), all...).Write(ctx, t)
}

func (l *local) archives(img v1.Image) (*manifest, []release.Archive, error) {
	if !l.compressed {
		return plain(img)
	}
	m, err := read(img)
	if err != nil {
		return nil, nil, err
	}
	all := make([]release.Archive, 0, len(m.layers))
	for _, part := range m.layers {
		all = append(all, release.Archive{
			Name: part.digest.String(), Size: part.size, Digest: part.digest.String(), Plain: part.plain.String(),
			Open: part.blob.Compressed,
		})
	}
	return m, all, nil
}

// plain reads layers that are not compressed: to ask for their digests and sizes would compress them.
func plain(img v1.Image) (*manifest, []release.Archive, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, nil, err
	}
	blobs, err := img.Layers()
	if err != nil {
		return nil, nil, err
	}
	if len(blobs) != len(config.RootFS.DiffIDs) || len(blobs) > most {
		return nil, nil, fault.New("", fault.Corrupt, "", fmt.Errorf("it has %d layers, its configuration %d", len(blobs), len(config.RootFS.DiffIDs)))
	}
	var all []release.Archive
	for i, d := range config.RootFS.DiffIDs {
		all = append(all, release.Archive{
			Name: d.String(), Plain: d.String(),
			Open: func() (io.ReadCloser, error) { return blobs[i].Uncompressed() },
		})
	}
	return &manifest{image: meant(config)}, all, nil
}

// classify says what kind of failure one of reading is.
func (l *local) classify(err error) error {
	switch {
	case err == nil || fault.KindOf(err) != fault.Unknown:
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.New("", fault.NotFound, l.name, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New("", fault.Denied, l.name, err)
	default:
		return fault.New("", fault.Corrupt, l.name, err)
	}
}

func missing(where, what string, have []string) error {
	have = slices.DeleteFunc(have, func(s string) bool { return s == "" })
	why := fmt.Errorf("it has no image %s", what)
	if len(have) > 0 {
		slices.Sort(have)
		why = fmt.Errorf("it has no image %s, only %s", what, strings.Join(have, ", "))
	}
	return fault.New("", fault.NotFound, where, why)
}

// tags lists what an archive's images are called.
func tags(all tarball.Manifest) (list []string) {
	for _, d := range all {
		list = append(list, d.RepoTags...)
	}
	return list
}

func same(tag string, want name.Tag) bool {
	t, err := name.NewTag(tag)
	return err == nil && t.Name() == want.Name()
}
