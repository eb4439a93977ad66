package ioc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/history"
	"github.com/libioc/ioc/internal/atomicfile"
	"github.com/libioc/ioc/internal/backend/all"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/lock"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/release"
)

// Options say which host to open. The zero Options are this machine's.
type Options struct {
	// Root is the directory that everything is kept in, or the ZFS file system that is mounted there, as
	// zfs writes it: "tank/ioc". Empty: for uid 0 the one that rc.conf (ioc_dataset_NAME=) or an activated pool names, and
	// otherwise the one of [DefaultRoot].
	Root string

	// Source is one of several roots by the name that [Sources] has for it, or NAME=DATASET, which gives a name to a ZFS file system or a
	// directory. Root must be empty then. Empty: see Root.
	Source string

	// Existing refuses to make a root: one that is not there is [ErrNoRoot]. It is for those who only
	// look, and must not leave a directory behind where they looked in vain.
	Existing bool

	// Backend replaces that of the operating system; [Memory] for example. With one that is a dry run, Root is not used.
	Backend *Backend

	// Wait is how long an operation waits for a jail that another operation is at work on. Zero: it
	// fails at once, and says who that is.
	Wait time.Duration

	// RollbackTimeout bounds the undoing of one step, so that nothing hangs for ever; what is not undone
	// by then is left to [Host.Recover]. Zero: ten minutes.
	RollbackTimeout time.Duration

	// Sources are releases that can be fetched by their name, beside the one that comes with ioc.
	Sources map[string]release.Source

	// DefaultRelease is what jails are made from where no release was asked for. Empty: [Embedded].
	DefaultRelease string

	// Durability is what the journal survives. The zero value is a power cut.
	Durability journal.Durability

	// Command is what the history says that operations are run by. Empty: the name of the program. It should
	// not have arguments in it, which may be secrets.
	Command string

	boot journal.BootID // for tests; zero: as the system says
}

// ErrNoRoot is wrapped, in a fault.NotFound, where Options.Existing wants a root and nothing was ever kept there.
var ErrNoRoot = errors.New("nothing was kept there yet")

// Backend is the storage and the kernel that a host works with.
type Backend = all.Backend

// Memory is a back end in which everything can be done and nothing happens. Each is a world of its own.
func Memory() Backend { return all.Memory() }

// Host is a root with all its jails and releases. Its methods may be called from any goroutine, and
// any number of hosts, in any number of processes, may have the same root open.
type Host struct {
	root    string // empty: a dry run
	source  string // its name among others; empty: it was given none
	id      string
	backend Backend
	keeper  *jail.Keeper
	locks   *lock.Table
	sources sources
	vitals  *vitals
	preset  []events.Option    // of operations, with the history's
	quiet   []events.Option    // the same without
	record  func() events.Sink // of the history; nil: a dry run
	history *history.Dir       // nil: a dry run
}

// Open opens a host, and makes its directories if there are none. It recovers nothing: the next
// operation does, or [Host.Recover]. There is nothing to close.
func Open(ctx context.Context, o Options) (*Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h := &Host{}
	var j *journal.Journal
	var err error
	if o.Backend != nil && o.Backend.DryRun {
		j, err = h.openDryRun(*o.Backend)
	} else {
		j, err = h.openRoot(ctx, o)
	}
	if err != nil {
		failed := fault.New("open", kindOf(err), o.Root, err)
		switch {
		case len(fault.Remedies(err)) > 0:
		case errors.Is(failed, fault.Denied):
			failed = failed.WithRemedy("become root, or choose a root directory of your own")
		case isPath(err):
			failed = failed.WithRemedy("choose a root directory on a local file system that can be written to")
		}
		return nil, failed
	}
	if o.RollbackTimeout == 0 {
		o.RollbackTimeout = 10 * time.Minute
	}
	h.sources = newSources(h.backend.Storage, newCache(h.root), o)
	h.keeper = &jail.Keeper{
		Storage:  h.backend.Storage,
		Sandbox:  h.backend.Sandbox,
		Network:  h.backend.Network,
		Locks:    h.locks,
		Releases: h.sources,
		Commands: h.backend.Commands,
		Vitals:   h.vitals,
		Environ:  os.Environ,
		Now:      time.Now,
		ID:       h.id,
		Source:   h.source,
		Wait:     o.Wait,
		Rehearse: h.rehearsal,
	}
	registry := h.registry()
	h.keeper.Records = records{j, registry}
	name, err := os.Hostname()
	if err != nil { // it is for people who read a stream
		name = "localhost"
	}
	h.preset = []events.Option{
		events.WithJournal(j),
		events.WithRegistry(registry),
		events.WithOrigin(name, os.Getpid()),
		events.WithRollbackTimeout(o.RollbackTimeout),
	}
	h.quiet = h.preset
	if !h.backend.DryRun {
		h.history = history.In(filepath.Join(h.root, "history"), history.Limits{})
		by := history.Origin{UID: os.Getuid(), Command: cmp.Or(o.Command, filepath.Base(os.Args[0]))}
		h.record = h.history.Recorder(by)
		h.preset = append(slices.Clip(h.preset), events.WithSinks(h.record))
	}
	return h, nil
}

// Root is the directory that everything is kept in, without symbolic links; empty in a dry run.
func (h *Host) Root() string { return h.root }

// Source is what the root is called among others: "ioc" if it was given no name.
func (h *Host) Source() string { return cmp.Or(h.source, jail.Source) }

// Backend names what runs the jails: "linux", "memory".
func (h *Host) Backend() string { return h.backend.Name }

// Options are what an operation of your own needs of the host: its journal first, so that what it does is undone
// after a crash, too. Give them to the operation's With, and do things in it by events.Call of operations of this package.
func (h *Host) Options() []events.Option { return slices.Clone(h.preset) }

// Features says what the host can do.
func (h *Host) Features(ctx context.Context) Features {
	return Features{h.backend.Storage.Features(ctx), h.backend.Sandbox.Features()}
}

// registry knows every effect that a journal of this host may hold.
func (h *Host) registry() *events.Registry {
	r := events.NewRegistry()
	h.keeper.Register(r)
	h.backend.Register(r)
	download.Register(r)
	return r
}

func (h *Host) openDryRun(b Backend) (*journal.Journal, error) {
	h.backend, h.id, h.locks, h.vitals = b, "dryrun", lock.Memory(), newVitals("")
	return journal.Memory(), nil
}

func (h *Host) openRoot(ctx context.Context, o Options) (*journal.Journal, error) {
	at, err := h.locate(ctx, o)
	if err != nil {
		return nil, err
	}
	root := at.Dir
	if _, err := os.Stat(filepath.Join(root, "id")); o.Existing && errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New("", fault.NotFound, "root "+root, ErrNoRoot)
	}
	if root, err = prepare(root); err != nil {
		return nil, err
	}
	if h.id, err = identify(root); err != nil {
		return nil, err
	}
	run := filepath.Join(root, "run")
	if root == all.SystemRoot {
		run = all.SystemRun
	}
	locks := filepath.Join(run, "locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, err
	}
	h.root, h.locks, h.vitals = root, lock.Dir(locks), newVitals(filepath.Join(run, "vitals"))
	if o.Backend != nil {
		h.backend = *o.Backend
	} else if h.backend, err = all.System(all.Places{Root: root, Dataset: at.Dataset, Run: run, ID: h.id}); err != nil {
		return nil, err
	}
	if h.backend.DryRun {
		return h.openDryRun(h.backend)
	}
	return journal.Open(filepath.Join(root, "journal"), journal.Options{Durability: o.Durability, BootID: o.boot})
}

// locate decides which root it is.
func (h *Host) locate(ctx context.Context, o Options) (all.Located, error) {
	root := o.Root
	var err error
	switch {
	case o.Source != "" && root != "":
		err = fault.New("", fault.Invalid, "source "+o.Source, errors.New("the root is "+root+" already")).WithRemedy("name one of the two")
	case o.Source != "":
		h.source, root, err = all.NamedSource(ctx, o.Source)
	case root == "" && os.Geteuid() == 0:
		h.source, root, err = all.MainSource(ctx)
	}
	if root == "" && err == nil {
		root, err = DefaultRoot(os.Geteuid(), os.Getenv) //nolint:forbidigo // only where the caller left it open
	}
	if err != nil {
		return all.Located{}, err
	}
	return all.Locate(root)
}

// isPath says that a directory could not be made or opened.
func isPath(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// prepare makes the directory and gives its name without symbolic links. Nobody else may look
// inside: a jail's root could leave a setuid program there for a user of the host.
func prepare(root string) (string, error) {
	root, err := filepath.Abs(root)
	if root == "/" {
		return "", fault.New("", fault.Invalid, "root", errors.New("/ is where everything else is, too")).
			WithRemedy("choose a directory that is for jails alone")
	}
	if err == nil {
		err = os.MkdirAll(root, 0o700)
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(root)
}

// DefaultRoot is where a user's jails are: the system's place for root, uid 0, and the user's own data
// directory for anybody else, as getenv says it.
func DefaultRoot(uid int, getenv func(string) string) (string, error) {
	if uid == 0 {
		return all.SystemRoot, nil
	}
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ioc"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "ioc"), nil
	}
	return "", fault.New("", fault.Invalid, "root", errors.New("neither XDG_DATA_HOME nor HOME says where")).
		WithRemedy("name a root directory")
}

// identify gives the root's short id, which is in all names of the kernel that belong to it. It is
// made of a number that is kept in the root and of the root's name, because a root can be copied.
func identify(root string) (string, error) {
	path := filepath.Join(root, "id")
	number, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		number, err = firstID(path)
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(number)) + "\x00" + root))
	return hex.EncodeToString(sum[:4]), nil
}

// firstID makes the root's number. Of several that open a new root at once one wins.
func firstID(path string) ([]byte, error) {
	number := rand.Text()
	mine := path + "." + number
	if err := atomicfile.WriteFile(mine, []byte(number+"\n"), 0o600); err != nil {
		return nil, err
	}
	err := os.Link(mine, path)
	if err = errors.Join(ignore(err, fs.ErrExist), os.Remove(mine)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// kindOf classifies what opening a root met.
func kindOf(err error) fault.Kind {
	if k := fault.KindOf(err); k != fault.Unknown {
		return k
	}
	if errors.Is(err, fs.ErrPermission) {
		return fault.Denied
	}
	return fault.Unknown
}
