package jail

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// usual fills in what p leaves open: by the jail's properties, then by what whoever made the image of its
// release has said of the image's programs. An entrypoint comes before what is asked for, as everybody
// else does it who runs images.
func (k *Keeper) usual(ctx context.Context, i *Info, p *sandbox.Process) error {
	img, err := k.image(ctx, i)
	if err != nil {
		return err
	}
	if len(p.Args) == 0 {
		p.Args = img.Command
	}
	if p.Args = slices.Concat(img.Entrypoint, p.Args); len(p.Args) == 0 {
		p.Args = []string{"/bin/sh", "-l"}
	}
	p.Env = merge(img.Env, p.Env)
	if p.Dir == "" {
		p.Dir = img.Dir
	}
	if p.User.Name == "" && p.User.UID == 0 {
		if p.User = i.user(); p.User.Name == "" {
			p.User.Name = img.User
		}
	}
	return nil
}

// image is what is said of the release that a jail was made from, if it is still there to say it.
func (k *Keeper) image(ctx context.Context, i *Info) (release.Image, error) {
	name := storage.Name(i.value("release"))
	if name.Validate() != nil {
		return release.Image{}, nil
	}
	info, err := release.Stat(ctx, k.Storage, name)
	if errors.Is(err, fault.NotFound) || err == nil && info.Image == nil {
		return release.Image{}, nil
	}
	if err != nil {
		return release.Image{}, err
	}
	return *info.Image, nil
}

// merge gives each variable the last value that it has in usual and then in asked.
func merge(usual, asked []string) []string {
	var all []string
	for _, v := range slices.Concat(usual, asked) {
		key, _, _ := strings.Cut(v, "=")
		all = slices.DeleteFunc(all, func(is string) bool { return strings.HasPrefix(is, key+"=") })
		all = append(all, v)
	}
	return all
}
