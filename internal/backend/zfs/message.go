package zfs

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// errBusy is a refusal that may be over in a moment. Others that are fault.Busy too (clones, newer
// snapshots) last.
var errBusy = errors.New("it is in use")

type message struct {
	text *regexp.Regexp
	kind fault.Kind
	busy bool
}

// messages are what zfs says, in the C locale, and what it means. The texts are libzfs's
// (libzfs_util.c, libzfs_error_description) and have been the same since OpenSolaris. Compiling them takes a
// tenth of the time in which a command of ioc starts, and most never need them.
var messages = sync.OnceValue(func() []message {
	return []message{
		{regexp.MustCompile(`(?m)stream has unsupported|must be upgraded to receive|unsupported (version|feature)`), fault.NotSupported, false},
		{regexp.MustCompile(`(?m)invalid (backup )?stream|checksum mismatch|failed to read from stream|not an intelligible stream`), fault.Corrupt, false},
		{regexp.MustCompile(`(?m)dependent clones|has children|more recent snapshots exist`), fault.Busy, false},
		{regexp.MustCompile(`(?m)(dataset|pool|Device|device|target|pool or dataset) is busy|Device busy|umount failed|unmount failed|in use`), fault.Busy, true},
		{regexp.MustCompile(`(?m)already exists|snapshot name .* conflicts`), fault.Exists, false},
		{regexp.MustCompile(`(?m)does not exist|no such pool|could not find any snapshots to destroy|No such file or directory: .*@`), fault.NotFound, false},
		{regexp.MustCompile(`(?m)out of space|No space left|[Qq]uota exceeded|less than current used`), fault.NoSpace, false},
		{regexp.MustCompile(`(?m)[Pp]ermission denied|Operation not permitted|must be superuser|insufficient privileges`), fault.Denied, false},
		{regexp.MustCompile(`(?m)failed to initialize ZFS|ZFS modules are not loaded|/dev/zfs|connect: |is the zfs-fuse daemon running|no ZFS`), fault.Unavailable, false},
		{regexp.MustCompile(`(?m)invalid|bad property|cannot be (set|inherited)|is readonly|name is too long|must be`), fault.Invalid, false},
	}
})

// messageError is the failure of a command, with its kind read off the message.
type messageError struct {
	cause *run.Error
	kind  fault.Kind
	busy  bool
}

// Error is the command's.
func (e *messageError) Error() string { return e.cause.Error() }

// FaultKind is what the message says.
func (e *messageError) FaultKind() fault.Kind { return e.kind }

// Is finds the kind, and what may be over in a moment.
func (e *messageError) Is(target error) bool { return target == e.kind || e.busy && target == errBusy }

// Unwrap gives the command's error.
func (e *messageError) Unwrap() error { return e.cause }

// classified gives the error of a command its kind.
func classified(err error) error {
	e, ok := errors.AsType[*run.Error](err)
	if !ok || e.Err != nil {
		return err // ended early, or not started: that says more than the message
	}
	for _, m := range messages() {
		if m.text.MatchString(e.Stderr) {
			return &messageError{e, m.kind, m.busy}
		}
	}
	return err
}

// ownWords is what zfs says, without the usage that follows where the command line was wrong.
func ownWords(err error) error {
	e, ok := errors.AsType[*run.Error](err)
	if !ok {
		return err
	}
	text, _, _ := strings.Cut(e.Stderr, "usage:")
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return err
	}
	return errors.New("zfs says: " + text)
}

// gone makes no error of what is not there.
func gone(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
