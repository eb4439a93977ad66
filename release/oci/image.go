package oci

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
)

// platform is the one that is asked for.
func (o Options) platform() (*v1.Platform, error) {
	if o.Platform == "" {
		return &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, nil
	}
	p, err := v1.ParsePlatform(o.Platform)
	if err != nil || p.OS == "" || p.Architecture == "" {
		return nil, fault.New("fetch", fault.Invalid, fmt.Sprintf("%q", o.Platform), errors.New("it is no platform")).
			WithRemedy("name one as OS/ARCHITECTURE, such as linux/arm64")
	}
	return p, nil
}

// manifest is what is wanted of an image's manifest and configuration.
type manifest struct {
	digest string
	layers []layer
	image  *release.Image
}

type layer struct {
	digest, plain v1.Hash
	size          int64
	blob          v1.Layer
}

// most is how many layers an image may have, which is more than any builder makes.
const most = 1000

// read reads an image's manifest and configuration.
func read(img v1.Image) (*manifest, error) {
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	blobs, err := img.Layers()
	if err != nil {
		return nil, err
	}
	if len(file.Layers) != len(config.RootFS.DiffIDs) || len(blobs) != len(file.Layers) || len(blobs) > most {
		return nil, fault.New("", fault.Corrupt, digest.String(), fmt.Errorf(
			"its manifest has %d layers, its configuration %d", len(file.Layers), len(config.RootFS.DiffIDs),
		))
	}
	m := &manifest{digest: digest.String(), image: meant(config)}
	for i, d := range file.Layers {
		switch {
		case !d.MediaType.IsLayer() || len(d.URLs) > 0:
			return nil, fault.New("", fault.NotSupported, digest.String(), fmt.Errorf("its layer %d is of type %s", i+1, d.MediaType))
		case d.Digest.Algorithm != "sha256":
			return nil, fault.New("", fault.NotSupported, digest.String(), fmt.Errorf("its layer %d has a %s digest", i+1, d.Digest.Algorithm))
		}
		m.layers = append(m.layers, layer{d.Digest, config.RootFS.DiffIDs[i], d.Size, blobs[i]})
	}
	return m, nil
}

// meant is how the image's programs are meant to be run.
func meant(c *v1.ConfigFile) *release.Image {
	return &release.Image{
		Entrypoint: c.Config.Entrypoint, Command: c.Config.Cmd, Env: c.Config.Env,
		User: c.Config.User, Dir: c.Config.WorkingDir,
	}
}

func (m *manifest) options(name, digest string, o Options) release.StackOptions {
	return release.StackOptions{Name: name, Digest: digest, Layers: true, Image: m.image, Cache: o.Cache}
}

// choose gives the image of an index that is for a platform.
func choose(index v1.ImageIndex, p *v1.Platform, name string) (v1.Image, error) {
	all, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var have []string
	for _, d := range all.Manifests {
		switch {
		case !d.MediaType.IsImage() && !d.MediaType.IsIndex():
		case d.Platform == nil || d.Platform.Satisfies(*p):
			if d.MediaType.IsIndex() { // an index of indexes: a layout of an image for several platforms
				inner, err := index.ImageIndex(d.Digest)
				if err != nil {
					return nil, err
				}
				return choose(inner, p, name)
			}
			return index.Image(d.Digest)
		case d.Platform.OS != "unknown": // attestations
			have = append(have, d.Platform.String())
		}
	}
	slices.Sort(have)
	why := errors.New("it holds no image")
	if len(have) > 0 {
		why = fmt.Errorf("it is not for %s, only for %s", p, strings.Join(slices.Compact(have), ", "))
	}
	return nil, fault.New("", fault.NotFound, name, why)
}
