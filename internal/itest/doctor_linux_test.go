package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/doctor"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/release"
)

// Ids that no dataset has.
const (
	strayLayer = "strayaaaaaaaaaaaaaaaaaaaaa"
	strayHalf  = "straybbbbbbbbbbbbbbbbbbbbb"
	strayTrash = "strayccccccccccccccccccccc"
)

// litters leaves in a root what nobody refers to.
func litters(h *ioc.Host) error {
	at := func(name string) string { return filepath.Join(h.Root(), name) }
	return errors.Join(
		halves(h),
		os.MkdirAll(at("layers/"+strayLayer+"/fs/data"), 0o700),
		os.WriteFile(at("layers/"+strayLayer+"/fs/data/file"), []byte("x"), 0o600),
	)
}

// halves leaves what no recovery takes away by itself, as it does a layer.
func halves(h *ioc.Host) error {
	at := func(name string) string { return filepath.Join(h.Root(), name) }
	return errors.Join(
		os.MkdirAll(at("jails/."+strayHalf), 0o700),
		os.MkdirAll(at("releases/."+strayHalf+"/root/bin"), 0o700),
		os.MkdirAll(at("trash/"+strayTrash+"/data"), 0o700),
		os.MkdirAll(at("trash/layer-"+strayTrash+".dead"), 0o700),
	)
}

// forgets starts the jail and takes its record away: its processes are nobody's.
func forgets(h *ioc.Host) error {
	if err := starts(h); err != nil {
		return err
	}
	return os.Remove(filepath.Join(h.Root(), "journal", "held", "jail%2fweb"))
}

// spoils truncates a jail's configuration.
func spoils(h *ioc.Host) error {
	return os.Truncate(filepath.Join(h.Root(), "jails", "web", "config.json"), 7)
}

// seen lists what the doctor finds wrong.
func seen(h *ioc.Host) []string {
	var all []string
	for _, f := range h.Examine(context.Background()) {
		if f.Class != doctor.Advice {
			all = append(all, f.Kind)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestDoctor makes each kind of debris for real: it is named, mended, and nothing else is touched: a jail
// that runs beside it goes on as it was.
func TestDoctor(t *testing.T) {
	needsJails(t)
	for _, c := range []struct {
		name string
		make func(t *testing.T, h *ioc.Host) error
		want string // kinds
		left string // after mending
	}{
		{name: "nothing"},
		{name: "litter", want: "dataset.staged layer.unused trash.left", make: func(_ *testing.T, h *ioc.Host) error { return litters(h) }},
		{name: "processes", want: "start.left", make: func(_ *testing.T, h *ioc.Host) error { return forgets(h) }},
		{name: "first-process", want: "process.left", make: orphanProcess},
		{name: "cgroup", want: "start.left", make: func(t *testing.T, h *ioc.Host) error { return emptyGroup(t, h) }},
		{name: "dead", want: "jail.dead", make: func(_ *testing.T, h *ioc.Host) error { return perishes(h) }},
		{name: "files-gone", want: "jail.lost layer.unused", make: func(_ *testing.T, h *ioc.Host) error {
			return errors.Join(perishes(h), os.RemoveAll(filepath.Join(h.Root(), "jails", "web")))
		}},
		{name: "config", want: "jail.config", make: func(_ *testing.T, h *ioc.Host) error { return spoils(h) }},
		{name: "no-config", want: "jail.config", make: func(_ *testing.T, h *ioc.Host) error {
			return os.Remove(filepath.Join(h.Root(), "jails", "web", "config.json"))
		}},
		{name: "state", want: "jail.broken layer.unused", left: "jail.broken layer.unused", make: func(_ *testing.T, h *ioc.Host) error {
			return os.Truncate(filepath.Join(h.Root(), "jails", "web", "storage.json"), 0)
		}},
		{name: "broken-off", want: "lock.stale run.residue", make: func(_ *testing.T, h *ioc.Host) error {
			return dies("done-sandbox.spawn", "start")(h)
		}},
		{name: "lock", want: "lock.stale", make: func(_ *testing.T, h *ioc.Host) error {
			return os.WriteFile(filepath.Join(h.Root(), "run", "locks", "jails-web"), []byte(`{"op":"stop","pid":1}`), 0o600)
		}},
		{name: "rights", want: "root.open", make: func(_ *testing.T, h *ioc.Host) error {
			return os.Chmod(filepath.Join(h.Root(), "jails"), 0o755)
		}},
		{name: "mount", want: "mount.left", make: mountsLayer},
		{name: "owner", want: "root.owner", left: "root.owner", make: func(t *testing.T, h *ioc.Host) error {
			if os.Geteuid() != 0 {
				t.Skip("a directory of somebody else: needs root")
			}
			return os.Chown(filepath.Join(h.Root(), "jails"), 7, 7)
		}},
		{name: "release", want: "release.broken", left: "release.broken", make: func(_ *testing.T, h *ioc.Host) error {
			text, err := archive()
			if err != nil {
				return err
			}
			if _, err := h.Fetch(ioc.FetchOptions{Name: "hollow", Source: release.Reader("archive", bytes.NewReader(text))}).Do(context.Background()); err != nil {
				return err
			}
			return os.RemoveAll(filepath.Join(h.Root(), "releases", "hollow", "root"))
		}},
		{name: "run-file", want: "start.left", make: func(_ *testing.T, h *ioc.Host) error {
			id, err := rootID(h.Root())
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(h.Root(), "run", "sandbox", id+"-gone.0123abcd"), []byte("\x00garbage"), 0o600)
		}},
		// A jail that runs does not need it.
		{name: "run-file-in-use", make: func(_ *testing.T, h *ioc.Host) error {
			if err := starts(h); err != nil {
				return err
			}
			return spoilRunFile(h)
		}},
		{name: "run-file-of-a-stopped", make: func(t *testing.T, h *ioc.Host) error {
			if err := errors.Join(starts(h), spoilRunFile(h)); err != nil {
				return err
			}
			return h.Jail("web").Stop(t.Context(), ioc.StopOptions{Force: true})
		}},
		{name: "blind", want: "doctor.blind", left: "doctor.blind", make: func(_ *testing.T, h *ioc.Host) error {
			trash := filepath.Join(h.Root(), "trash")
			return errors.Join(os.Remove(trash), os.WriteFile(trash, nil, 0o600))
		}},
		{name: "record", want: "jail.broken start.left", left: "jail.broken start.left", make: func(_ *testing.T, h *ioc.Host) error {
			if err := starts(h); err != nil {
				return err
			}
			return spoilRecord(h)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "mount" && os.Geteuid() != 0 {
				t.Skip("a mount on the host: needs root")
			}
			root := place(t, created)
			h, err := open(filepath.Dir(root))
			if err != nil {
				t.Fatal(err)
			}
			task{Root: root, Jail: "beside", Do: []string{"create", "start"}}.must(t)
			beside, err := h.Jail("beside").Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.make != nil {
				if err := c.make(t, h); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Join(seen(h), " "); got != c.want {
				t.Fatalf("found %q, want %q", got, c.want)
			}
			run := h.Mend().Start(t.Context(), eventstest.Watch(t))
			m, err := run.Wait()
			if err != nil || len(m.Failed)+len(run.Residue()) > 0 {
				t.Fatalf("%v, %+v, %v", err, m.Failed, run.Residue())
			}
			if got := strings.Join(seen(h), " "); got != c.left {
				t.Errorf("after mending it finds %q, want %q", got, c.left)
			}
			if i, err := h.Jail("beside").Info(t.Context()); err != nil || i.Sandbox.PID != beside.Sandbox.PID || i.State != "running" {
				t.Errorf("the jail beside is %s, %v", i.State, err)
			}
			if c.left == "" && c.name != "files-gone" {
				task{Root: root, Jail: "web", Do: []string{"start"}}.must(t)
			}
		})
	}
}

// TestDoctorRecord gives up the record of a start that cannot be read; what it was of is then mended.
func TestDoctorRecord(t *testing.T) {
	needsJails(t)
	root := place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(starts(h), spoilRecord(h)); err != nil {
		t.Fatal(err)
	}
	if err := h.Forget("jail/web", "by hand"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen(h), " "); got != "start.left" {
		t.Errorf("without the record it finds %q", got)
	}
	if _, err := h.Mend().Do(t.Context(), eventstest.Watch(t)); err != nil {
		t.Error(err)
	}
	if got := seen(h); len(got) > 0 {
		t.Errorf("after mending it finds %q", got)
	}
	task{Root: root, Jail: "web", Do: []string{"start"}}.must(t)
	if err := h.Forget("jail/web", ""); !errors.Is(err, fault.Busy) {
		t.Errorf("the record of a jail that runs was given up: %v", err)
	}
	if err := h.Forget("jail/none", ""); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// spoilRunFile damages what the start of the jail has written for whoever ends it.
func spoilRunFile(h *ioc.Host) error {
	id, err := rootID(h.Root())
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(h.Root(), "run", "sandbox", id+"-web.*"))
	if len(files) == 0 {
		return errors.Join(err, errors.New("the start has no file"))
	}
	for _, f := range files {
		err = errors.Join(err, os.WriteFile(f, []byte("\x00garbage"), 0o600))
	}
	return err
}

// spoilRecord damages what the start of the jail has on record.
func spoilRecord(h *ioc.Host) error {
	name := filepath.Join(h.Root(), "journal", "held", "jail%2fweb")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	at := strings.Index(string(text), "Op")
	if at < 0 {
		return errors.New("the record names no operation")
	}
	text[at] ^= 0x55
	return os.WriteFile(name, text, 0o600)
}

// TestDoctorParent finds the control group of jails in which there is none, and keeps a used one.
func TestDoctorParent(t *testing.T) {
	needsJails(t)
	root := place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := starts(h); err != nil {
		t.Fatal(err)
	}
	id, err := rootID(root)
	if err != nil {
		t.Fatal(err)
	}
	var parents []string
	for _, dir := range groupsOf(id) {
		if filepath.Base(dir) == "ioc-"+id {
			parents = append(parents, dir)
		}
	}
	if len(parents) == 0 {
		t.Skip("no control groups here")
	}
	if got := seen(h); len(got) > 0 {
		t.Errorf("while a jail runs it finds %q", got)
	}
	if err := h.Jail("web").Stop(t.Context(), ioc.StopOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range parents {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen(h), " "); got != "cgroup.empty" {
		t.Errorf("found %q", got)
	}
	if _, err := h.Mend().Do(t.Context(), eventstest.Watch(t)); err != nil {
		t.Error(err)
	}
	for _, dir := range parents {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", dir, err)
		}
	}
}

// TestDoctorVersions repairs a configuration from the newest of its versions that can be used.
func TestDoctorVersions(t *testing.T) {
	needsJails(t)
	root := place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(changes(h), spoils(h)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Mend().Do(t.Context(), eventstest.Watch(t)); err != nil {
		t.Fatal(err)
	}
	i, err := h.Jail("web").Info(t.Context())
	if err != nil || i.State != "stopped" || i.Value("notes") != "second" || i.Value("host_hostname") != "www" {
		t.Errorf("%v: %s, notes %q, host_hostname %q", err, i.State, i.Value("notes"), i.Value("host_hostname"))
	}
	if kept, err := os.ReadFile(filepath.Join(root, "jails", "web", "config.json.unreadable")); err != nil || len(kept) != 7 {
		t.Errorf("what could not be read was kept as %q, %v", kept, err)
	}
}

// TestDoctorKeepsAway has the debris of another root, and a program's own directories, before its eyes.
func TestDoctorKeepsAway(t *testing.T) {
	needsJails(t)
	root, other := place(t, created), place(t, created)
	h, err := open(filepath.Dir(root))
	if err != nil {
		t.Fatal(err)
	}
	o, err := open(filepath.Dir(other))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(litters(o), forgets(o), os.WriteFile(filepath.Join(root, "layers", "mine"), nil, 0o600),
		os.Mkdir(filepath.Join(root, "trash", "notes"), 0o700)); err != nil {
		t.Fatal(err)
	}
	was := look(t, other)
	if got := seen(h); len(got) > 0 {
		t.Errorf("found %q", got)
	}
	if _, err := h.Mend().Do(t.Context()); err != nil {
		t.Error(err)
	}
	same(t, other, was)
	for _, name := range []string{"layers/mine", "trash/notes"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
}

// orphanProcess leaves of a jail's start nothing but its first process, in the tester's own cgroup.
func orphanProcess(t *testing.T, h *ioc.Host) error {
	if err := forgets(h); err != nil {
		return err
	}
	id, err := rootID(h.Root())
	if err != nil {
		return err
	}
	for _, dir := range groupsOf(id) {
		if !strings.Contains(filepath.Base(dir), "-web.") {
			continue
		}
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return err
		}
		for _, pid := range strings.Fields(string(procs)) {
			err = errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(filepath.Dir(dir)), "cgroup.procs"), []byte(pid), 0o600))
		}
		if err = errors.Join(err, os.Remove(dir)); err != nil {
			t.Skip("the process cannot be moved: ", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(h.Root(), "run", "sandbox", id+"-web.*"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// emptyGroup makes a control group by hand, under a name that ioc would give, with a process in it.
func emptyGroup(t *testing.T, h *ioc.Host) error {
	id, err := rootID(h.Root())
	if err != nil {
		return err
	}
	groups := groupsOf(id)
	if len(groups) == 0 {
		t.Skip("no control groups here")
	}
	parent := groups[0]
	for filepath.Base(parent) != "ioc-"+id {
		parent = filepath.Dir(parent)
	}
	dir := filepath.Join(parent, id+"-gone.0123abcd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		return err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the doctor has
		if err := cmd.Wait(); fmt.Sprint(err) != "signal: killed" {
			t.Errorf("the process ended with %v", err)
		}
	})
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
}

// mountsLayer mounts an overlay of a stopped jail's layers on the host.
func mountsLayer(t *testing.T, h *ioc.Host) error {
	upper, err := upperOf(h.Root(), "web")
	if err != nil {
		return err
	}
	at := upper
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) }) // the doctor has
	lower := filepath.Join(h.Root(), "releases", base, "root")
	return unix.Mount("overlay", at, "overlay", 0,
		"lowerdir="+lower+",upperdir="+upper+",workdir="+filepath.Join(filepath.Dir(upper), "work"))
}
