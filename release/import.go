package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// ImportOptions say what to import. Name and Source must be set.
type ImportOptions struct {
	Name   Name
	Source Source
	SHA256 string // of what is read, in hexadecimal; empty: it is believed
	Policy Policy
	Signed Signature        // by whom what is read must be signed
	Newer  string           // the digest of what is there under another name: the same again is skipped
	Now    func() time.Time // the clock; nil: the system's
}

// Importing is the payload of Import.
type Importing struct {
	Name   Name
	Source string // what it is made from, for people
}

// EventType is the operation's name in events.
func (*Importing) EventType() string { return "release.import" }

// EventTitle is for people.
func (p *Importing) EventTitle() string { return "import release " + string(p.Name) }

// EventKey is the release.
func (p *Importing) EventKey() string { return string(p.Name) }

// AppendAttrs adds where it comes from.
func (p *Importing) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("source", p.Source))
}

// Unpacking is the payload of the step that writes the files. Its progress is an events.Amount.
type Unpacking struct{ Name Name }

// EventType is the step's name in events.
func (*Unpacking) EventType() string { return "release.unpack" }

// EventTitle is for people.
func (*Unpacking) EventTitle() string { return "unpack the archive" }

// EventKey is the release.
func (p *Unpacking) EventKey() string { return string(p.Name) }

// Import makes a release of a source. It is seen by nobody before it is complete, has the digest that
// was asked for, and is on the disk.
//
// If there is a release of that name, made of the same, the operation is skipped and gives what
// there is; made of something else, or of nobody knows what, it is fault.Exists.
func Import(d storage.Driver, o ImportOptions) events.Op[Info] {
	return events.New(&Importing{o.Name, o.Source.String()}, func(s events.Step) (Info, error) {
		i, err := load(s, d, o)
		if err == nil {
			s.Result(&i)
		}
		return i, named(o, err)
	})
}

func named(o ImportOptions, err error) error {
	if _, skipped := errors.AsType[*events.SkipError](err); skipped || err == nil {
		return err
	}
	return fault.New("import", fault.Unknown, string(o.Name), err)
}

func load(s events.Step, d storage.Driver, o ImportOptions) (Info, error) {
	want, err := digestOf(o.SHA256)
	if err != nil {
		return Info{}, err
	}
	f, err := d.Fill(s.Context(), storage.Release(o.Name))
	if errors.Is(err, fault.Exists) {
		return there(s.Context(), d, o, want, err)
	}
	if err != nil {
		return Info{}, err
	}
	src := o.Source
	if p, ok := src.(Preparer); ok {
		if src, err = p.Prepare(s); err != nil {
			return Info{}, err
		}
	}
	if o.Newer != "" {
		if is, err := src.Digest(s.Context()); err != nil || is == o.Newer {
			return Info{}, errors.Join(err, asOf(is, o))
		}
	}
	signed, err := o.Signed.verifier(s)
	if err != nil {
		return Info{}, err
	}
	if err := f.Stage().Apply(s); err != nil {
		return Info{}, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	i := Info{
		Version: infoVersion, Name: o.Name, Source: o.Source.String(), Created: now().UTC().Truncate(time.Second),
		Mapped: !d.Features(s.Context()).Ownership,
	}
	// What is written into the filling goes with it if anything fails from here on.
	if b, ok := src.(Builder); ok && f.Dir() != "" {
		if err = signed.check(); err != nil {
			return Info{}, err
		}
		err = build(s, f, b, o, want, &i)
	} else {
		err = s.Do(&Unpacking{o.Name}, func(s events.Step) error { return unpack(s, f, src, o, want, signed, &i) })
	}
	if err != nil {
		return Info{}, err
	}
	if err := asOf(i.Digest, o); err != nil {
		return Info{}, err
	}
	if err := f.WriteFile(s.Context(), infoFile, i.encode()); err != nil {
		return Info{}, err
	}
	return i, f.Publish().Apply(s)
}

func unpack(s events.Step, f storage.Filling, src Source, o ImportOptions, want string, signed *verifier, i *Info) error {
	ctx := s.Context()
	tree, err := f.Tree(ctx)
	if err != nil {
		return err
	}
	var read io.Writer
	if signed != nil {
		read = signed
	}
	got, err := src.Write(ctx, Target{
		Tree: tree, Dir: f.Dir(), Policy: o.Policy, Read: read,
		Progress: func(done, total int64) error {
			return s.Progress(events.Amount{Done: done, Total: total, Unit: "bytes"})
		},
	})
	if err := errors.Join(err, tree.Close()); err != nil {
		return err
	}
	if err := signed.check(); err != nil {
		return fault.New("", fault.Unknown, o.Source.String(), err)
	}
	return i.of(got, o, want)
}

// build lets a source make its files in the filling's directory.
func build(s events.Step, f storage.Filling, b Builder, o ImportOptions, want string, i *Info) error {
	tree, err := f.Tree(s.Context())
	if err != nil {
		return err
	}
	got, err := b.Build(s, Target{Tree: tree, Dir: f.Dir(), Policy: o.Policy, Progress: func(int64, int64) error { return s.Context().Err() }})
	if err := errors.Join(err, tree.Close()); err != nil {
		return err
	}
	return i.of(got, o, want)
}

// of takes over what a source tells of what it wrote, if that is what was wanted.
func (i *Info) of(got Written, o ImportOptions, want string) error {
	if want != "" && got.Digest != want {
		return fault.New("", fault.Corrupt, o.Source.String(), fmt.Errorf("its digest is %s, want %s", got.Digest, want)).
			WithRemedy("get it again, or correct the digest")
	}
	i.Digest, i.Title, i.Arch = got.Digest, got.Title, got.Arch
	i.Bytes, i.Files, i.Left = got.Bytes, got.Files, got.Left
	i.Image = got.Image
	return nil
}

// there decides whether the release that is there is the one that was asked for.
func there(ctx context.Context, d storage.Driver, o ImportOptions, want string, exists error) (Info, error) {
	i, err := Stat(ctx, d, o.Name)
	if err != nil || i.Digest == "" {
		return Info{}, exists
	}
	is, err := o.Source.Digest(ctx)
	if err != nil {
		return Info{}, err
	}
	if distant(o.Source) && is == "" && want == "" && i.Source == o.Source.String() {
		return i, events.Skip("it is there, from the same place")
	}
	if is == "" {
		is = want
	}
	if is != i.Digest || want != "" && want != i.Digest {
		return Info{}, exists
	}
	return i, events.Skip("it is there, made of the same")
}

// asOf skips what is no newer than what is there.
func asOf(digest string, o ImportOptions) error {
	if o.Newer == "" || digest != o.Newer {
		return nil
	}
	return events.Skip("what is there is the newest")
}

// distant reports whether a source does not know what it is before it was got.
func distant(src Source) bool {
	switch src.(type) {
	case Preparer, Builder:
		return true
	}
	return false
}

// digestOf is the digest that a checksum of 64 hexadecimal digits stands for.
func digestOf(sum string) (string, error) {
	if sum == "" {
		return "", nil
	}
	sum = strings.ToLower(strings.TrimPrefix(sum, "sha256:"))
	if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return "", fault.New("", fault.Invalid, fmt.Sprintf("%q", sum), errors.New("a SHA-256 sum has 64 hexadecimal digits"))
	}
	return "sha256:" + sum, nil
}

// Updating is the payload of getting what is newer than a release.
type Updating struct{ Name Name }

// EventType is the operation's name in events.
func (*Updating) EventType() string { return "release.update" }

// EventTitle is for people.
func (p *Updating) EventTitle() string { return "update release " + string(p.Name) }

// EventKey is the release.
func (p *Updating) EventKey() string { return string(p.Name) }

// Destroying is the payload of Destroy.
type Destroying struct{ Name Name }

// EventType is the operation's name in events.
func (*Destroying) EventType() string { return "release.destroy" }

// EventTitle is for people.
func (p *Destroying) EventTitle() string { return "destroy release " + string(p.Name) }

// EventKey is the release.
func (p *Destroying) EventKey() string { return string(p.Name) }

// Destroy destroys a release that no jail uses. If jails use it, it is fault.Busy with a
// *storage.UsersError that names them.
func Destroy(d storage.Driver, n Name) events.Op[struct{}] {
	return events.New(&Destroying{n}, func(s events.Step) (struct{}, error) {
		c, err := d.Destroy(s.Context(), storage.Release(n), storage.DestroyOptions{})
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.Apply(s)
	})
}
