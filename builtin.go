package ioc

import (
	"context"

	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/embedded"
)

// Embedded is the release that comes with ioc.
const Embedded = embedded.Name

// builtin are the sources that every host knows.
func builtin() map[string]release.Source {
	return map[string]release.Source{Embedded: userland{}}
}

// userland is the source of the embedded release. Its digest takes a look at all of it, so it is not
// asked before it is needed.
type userland struct{}

func (userland) String() string { return "ioc" }

func (userland) Digest(context.Context) (string, error) {
	if err := embedded.Available(); err != nil {
		return "", err
	}
	return embedded.Digest(), nil
}

func (u userland) Write(ctx context.Context, t release.Target) (release.Written, error) {
	digest, err := u.Digest(ctx)
	if err != nil || t.Dir == "" {
		return release.Written{Digest: digest}, err
	}
	stats, err := embedded.Unpack(ctx, t.Dir, t.Progress)
	return release.Written{
		Digest: digest, Title: embedded.Version(), Arch: embedded.Arch(), Bytes: stats.Bytes, Files: stats.Files,
	}, err
}
