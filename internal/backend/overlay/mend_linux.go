package overlay

import (
	"context"
	"os"
	"path/filepath"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/storage"
)

// Clear is the effect that deletes, after the commit, what has no name and no record: a dataset that was
// never finished or, without a kind, one in the trash. Its id was used once and is not used again, so
// that what is found under it is what was meant.
type Clear struct {
	Root string
	Kind storage.Kind `json:",omitzero"`
	ID   string
}

// EventType is the effect's name in events.
func (*Clear) EventType() string { return "storage.clear" }

// EventTitle is for people.
func (e *Clear) EventTitle() string { return "delete " + e.dir() }

// EventKey is the directory.
func (e *Clear) EventKey() string { return e.dir() }

func (e *Clear) dir() string {
	if e.Kind == 0 {
		return layout(e.Root).trash(e.ID)
	}
	return layout(e.Root).hidden(e.Kind, e.ID)
}

// Do deletes it, with the layers that only it names.
func (e *Clear) Do(ctx context.Context) error {
	return layout(e.Root).remove(ctx, e.dir(), e.ID)
}

// Undo cannot: the effect is only ever deferred.
func (*Clear) Undo(context.Context) error { return nil }

// Close is the effect that keeps others out of a directory.
type Close struct {
	Path    string
	Was, Is uint32 // its permissions before and after
}

// EventType is the effect's name in events.
func (*Close) EventType() string { return "storage.close" }

// EventTitle is for people.
func (e *Close) EventTitle() string { return "keep others out of " + e.Path }

// EventKey is the directory.
func (e *Close) EventKey() string { return e.Path }

// Do takes the rights of others away.
func (e *Close) Do(context.Context) error { return e.change(os.FileMode(e.Was), os.FileMode(e.Is)) }

// Undo gives them back, if nobody else has changed them meanwhile.
func (e *Close) Undo(context.Context) error { return e.change(os.FileMode(e.Is), os.FileMode(e.Was)) }

func (e *Close) change(from, to os.FileMode) error {
	info, err := os.Lstat(e.Path)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode().Perm() != from {
		return nil
	}
	if err := os.Chmod(e.Path, to); err != nil {
		return fault.New("chmod", kindOf(err), e.Path, err)
	}
	return atomicfile.SyncDir(filepath.Dir(e.Path))
}

var _ events.Effect = (*Close)(nil)
