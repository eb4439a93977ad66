package release

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
)

// Archive is one of the archives of a stack.
type Archive struct {
	Name string // for people
	Size int64  // of what Open reads, for the progress; 0: not known
	Open func() (io.ReadCloser, error)

	// What it must be, as "sha256:..."; empty: it is believed. Plain is the digest of what Open reads
	// when it is unpacked, without compression.
	Digest, Plain string
}

// StackOptions say what a stack is.
type StackOptions struct {
	Name   string // for people
	Digest string // of the whole, as whoever made it says
	Layers bool   // the marks of image layers are honoured: what an archive takes away goes
	Image  *Image // how its programs are meant to be run, if it says
	Title  string // if the files do not say

	// Cache keeps layers that were unpacked, which releases on the same file system share; nil: none does.
	Cache *download.Cache
}

// Stack is several archives on top of each other, the lowest first: what a later one has replaces what
// an earlier one had.
func Stack(o StackOptions, all ...Archive) Source { return &stack{o, all} }

type stack struct {
	StackOptions
	all []Archive
}

func (k *stack) String() string                         { return k.Name }
func (k *stack) Digest(context.Context) (string, error) { return k.StackOptions.Digest, nil }

func (k *stack) Write(ctx context.Context, t Target) (Written, error) {
	got, err := k.shared(ctx, t)
	if errors.Is(err, errAlone) {
		got, err = k.alone(ctx, t)
	}
	if err != nil {
		return got, err
	}
	if got.Files == 0 {
		return got, fault.New("", fault.Invalid, k.Name, errors.New("it holds no files"))
	}
	got.Digest, got.Image = k.StackOptions.Digest, k.Image
	if got.Title == "" {
		got.Title = k.Title
	}
	return got, nil
}

// alone writes all archives to the tree.
func (k *stack) alone(ctx context.Context, t Target) (Written, error) {
	x := newExtractor(ctx, t)
	x.layers = newLayers(t.Tree)
	x.layers.marks = k.Layers
	for _, a := range k.all {
		if a.Size == 0 {
			x.size = 0
			break
		}
		x.size += a.Size
	}
	for _, a := range k.all {
		if err := x.add(a); err != nil {
			return x.got, fault.New("", fault.Unknown, a.Name, err)
		}
	}
	return x.got, x.report(true)
}

// add writes one archive of a stack.
func (x *extractor) add(a Archive) error {
	r, err := a.Open()
	if err != nil {
		return err
	}
	x.layers.next()
	packed, plain, err := x.archive(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	for _, check := range []struct{ what, is, want string }{{"digest", packed, a.Digest}, {"content's digest", plain, a.Plain}} {
		if check.want != "" && check.is != check.want {
			return fault.New("", fault.Corrupt, "", fmt.Errorf("its %s is %s, want %s", check.what, check.is, check.want)).
				WithRemedy("get it again")
		}
	}
	return nil
}
