package zfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/storage"
	"github.com/libioc/ioc/storage/storagetest"
)

const envChild = "IOC_ZFS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		r := events.NewRegistry()
		zfs.Register(r)
		if err := storagetest.Child(r, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	scratch.Enter()
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) { scratch.Pool(t); storagetest.Run(t, newWorld) }

// world is an empty file system of the pool.
type world struct{ place zfs.Place }

func newWorld(t testing.TB) storagetest.World {
	name, dir := scratch.FileSystem(t)
	w := &world{zfs.Place{Root: name, Dir: dir}}
	w.Driver(t)
	zfs.MakeTrash(t, w.place)
	return w
}

func (w *world) Driver(t testing.TB) storage.Driver {
	t.Helper()
	d, err := zfs.Open(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) Slow() storagetest.Spared { return storagetest.Tests }

func (w *world) Register(r *events.Registry) { zfs.Register(r) }

func (w *world) root(t testing.TB, d storage.Dataset) string {
	t.Helper()
	root, err := w.Driver(t).Root(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return root.Dir
}

func (w *world) Edit(t testing.TB, d storage.Dataset, edits ...storagetest.Edit) {
	t.Helper()
	dir := w.root(t, d)
	// A child that another test starts has our open files until it executes its program, and a file
	// that is open keeps the mount busy.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := storagetest.Apply(dir, edits); err != nil {
		t.Fatal(err)
	}
}

func (w *world) Look(t testing.TB, d storage.Dataset) []string {
	t.Helper()
	dir := w.root(t, d)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	lines, err := storagetest.Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func (w *world) Crash(t testing.TB, in []byte) bool {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envChild+"=crash")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok && ee.Sys().(syscall.WaitStatus).Signaled() {
		return false
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return true
}

// State is all that ZFS keeps but what changes by itself, and all files.
func (w *world) State(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("zfs", "get", "-Hp", "-r", "-o", "name,property,value,source", "all", w.place.Root).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		switch f := strings.Split(line, "\t"); {
		case len(f) != 4:
			t.Fatalf("zfs get says %q", line)
		case !strings.Contains(room, " "+f[1]+" "):
			lines = append(lines, strings.Join(f, " "))
		}
	}
	files, err := storagetest.Everything(w.place.Dir, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range files {
		if !strings.Contains(line, "/root/") {
			files[i] = timeOf.ReplaceAllString(line, "") // of a small file that was replaced
		}
	}
	return append(lines, files...)
}

// room are the properties that change by themselves: what ZFS counts, which it writes down some seconds late, and of all of the pool.
const room = " available used referenced compressratio usedbysnapshots usedbydataset usedbychildren usedbyrefreservation "

var timeOf = regexp.MustCompile(` \d{4}-\d\d-\d\dT[0-9:.]+`)
