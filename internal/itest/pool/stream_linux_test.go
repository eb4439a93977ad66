package pool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/jail"
)

// sent is what a jail sends.
func sent(t testing.TB, h *ioc.Host, name, snapshot, base string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := h.Jail(name).Send(t.Context(), snapshot, base, &b); err != nil {
		t.Fatalf("send %s@%s: %v", name, snapshot, err)
	}
	return b.Bytes()
}

// second is a root beside the others, without jails.
func second(t testing.TB) *ioc.Host {
	t.Helper()
	_, dir := scratch.FileSystem(t)
	h, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Jail("other").Receive(t.Context(), ioc.ReceiveOptions{Stream: strings.NewReader("")}); !errors.Is(err, fault.Corrupt) {
		t.Fatalf("receive of nothing: %v", err)
	}
	return h
}

// TestStream sends a jail to another root, and what is new in it after that.
func TestStream(t *testing.T) {
	t.Parallel()
	h, there := jailed(t), second(t)
	ctx := t.Context()
	web := h.Jail("web")
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	write := func(h *ioc.Host, text string) {
		t.Helper()
		must("write", os.WriteFile(motd(h, "web"), []byte(text), 0o644))
	}
	snap := func(name string) { t.Helper(); _, err := web.Snapshot(ctx, name); must("snapshot", err) }
	_, err := h.JailGenerator("web").Set(map[string]string{"notes": "x", "quota": "1G", "vnet": "yes", "interfaces": "eth0:br0", "ip4_addr": "eth0|10.9.8.7/24", "host_hostname": "www"}).Do(ctx)
	must("set", err)
	_, err = h.JailGenerator("web").AddMount(jail.Mount{Source: "/srv", Target: "/srv"}).Do(ctx)
	must("fstab", err)
	write(h, "one")
	snap("one")
	write(h, "two")
	if err := os.WriteFile(filepath.Join(filepath.Dir(motd(h, "web")), "big"), bytes.Repeat([]byte("0123456789abcdef"), 1<<17), 0o600); err != nil {
		t.Fatal(err)
	}
	snap("two")
	write(h, "three")
	snap("three")

	// All of it, with what it is configured to be.
	receive := func(h *ioc.Host, name string, stream []byte, o ioc.ReceiveOptions) error {
		o.Stream = bytes.NewReader(stream)
		return h.Jail(name).Receive(ctx, o)
	}
	must("receive", receive(there, "web", sent(t, h, "web", "one", ""), ioc.ReceiveOptions{}))
	if got := read(t, motd(there, "web")); got != "one" {
		t.Errorf("etc/motd is %q, want that of the snapshot", got)
	}
	i, err := there.JailGenerator("web").Info(ctx)
	must("info", err)
	for key, want := range map[string]string{"notes": "x", "quota": "1G", "ip4_addr": "eth0|10.9.8.7/24", "host_hostname": "www", "state": "stopped", "release": base} {
		if got := i.Value(key); got != want {
			t.Errorf("%s of the jail that came is %q, want %q", key, got, want)
		}
	}
	mounts, err := there.JailGenerator("web").Mounts(ctx)
	if err != nil || len(mounts) != 1 || mounts[0].Target != "/srv" {
		t.Errorf("mounts of the jail that came: %+v, %v", mounts, err)
	}

	// What is new, with progress; and again.
	news := sent(t, h, "web", "two", "one")
	var last events.Amount
	run := there.JailGenerator("web").Receive(ioc.ReceiveOptions{Stream: bytes.NewReader(news)}).Start(ctx)
	for ev := range run.Events() {
		if a, ok := ev.Detail.(events.Amount); ok {
			last = a
		}
	}
	_, err = run.Wait()
	must("receive what is new", err)
	if got := read(t, motd(there, "web")); got != "two" || last.Done < 2<<20 || last.Unit != "bytes" {
		t.Errorf("etc/motd is %q, want that of the second snapshot; the last progress is %v", got, last)
	}
	again := picture(t, there.Root())
	must("receive it again", receive(there, "web", news, ioc.ReceiveOptions{}))
	if got := picture(t, there.Root()); got != again {
		t.Errorf("what was there was received again: before\n%s\nafter\n%s", again, got)
	}

	// What cannot be, and changes nothing.
	third := sent(t, h, "web", "three", "two")
	whole := sent(t, h, "web", "three", "")
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	foreign := append([]byte{}, whole...)
	copy(foreign, "nonsense")
	before := picture(t, there.Root())
	for _, tc := range []struct {
		what   string
		jail   string
		stream []byte
		kind   fault.Kind
		text   string
	}{
		{"all of a jail that is there", "web", whole, fault.Exists, "makes a new one"},
		{"what goes on from nothing", "x", third, fault.NotFound, "only what is new in web@three since two"},
		{"a stream that was cut off in its head", "x", whole[:100], fault.Corrupt, "cut off"},
		{"a stream that was cut off in the middle", "x", whole[:len(whole)/2], fault.Corrupt, "cut off"},
		{"a stream that was cut off at its end", "x", whole[:len(whole)-1], fault.Corrupt, "cut off"},
		{"what is new, cut off", "web", third[:len(third)-40], fault.Corrupt, "cut off"},
		{"a stream that was changed", "x", bad, fault.Corrupt, ""},
		{"another stream", "x", foreign, fault.Corrupt, "no stream of a jail"},
	} {
		err := receive(there, tc.jail, tc.stream, ioc.ReceiveOptions{})
		if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.text) || len(fault.Remedies(err)) == 0 && tc.text != "" {
			t.Errorf("%s: %v, %q; want that it is %q with a remedy", tc.what, err, fault.Remedies(err), tc.kind.Name())
		}
		if got := picture(t, there.Root()); got != before {
			t.Fatalf("%s has changed the pool: before\n%s\nafter\n%s", tc.what, before, got)
		}
	}
	if err := web.Send(ctx, "two", "three", &bytes.Buffer{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("send from a later snapshot: %v", err)
	}
	broken := errors.New("nobody reads")
	if err := web.Send(ctx, "two", "", refusing{broken}); !errors.Is(err, broken) {
		t.Errorf("send to nobody: %v", err)
	}

	// What was written since is not lost, unless it may be.
	write(there, "mine")
	if err := receive(there, "web", third, ioc.ReceiveOptions{}); !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "/etc/motd was changed") {
		t.Errorf("receive by a jail that has written: %v", err)
	}
	_, err = there.Jail("web").Snapshot(ctx, "mine")
	must("snapshot", err)
	if err := receive(there, "web", third, ioc.ReceiveOptions{}); !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "mine") {
		t.Errorf("receive by a jail that has a snapshot of its own: %v", err)
	}
	if got := read(t, motd(there, "web")); got != "mine" {
		t.Errorf("etc/motd is %q after what was refused", got)
	}
	must("receive by force", receive(there, "web", third, ioc.ReceiveOptions{Force: true}))
	if got := read(t, motd(there, "web")); got != "three" {
		t.Errorf("etc/motd is %q, want that of the third snapshot", got)
	}
	all, err := there.Jail("web").Snapshots(ctx)
	if err != nil || len(all) != 3 || all[2].Name != "three" {
		t.Errorf("snapshots are %+v, %v", all, err)
	}

	// Beside the one that it was.
	must("receive beside", receive(h, "copy", whole, ioc.ReceiveOptions{Properties: map[string]string{"notes": "y"}}))
	i, err = h.JailGenerator("copy").Info(ctx)
	must("info", err)
	for key, want := range map[string]string{"notes": "y", "quota": "1G", "ip4_addr": "", "host_hostname": "", "interfaces": "eth0:br0"} {
		if got := i.Value(key); got != want {
			t.Errorf("%s of the copy is %q, want %q", key, got, want)
		}
	}
	if got := read(t, motd(h, "copy")); got != "three" {
		t.Errorf("etc/motd of the copy is %q", got)
	}
	for _, name := range []string{"copy", "web"} {
		must("destroy", h.Jail(name).Destroy(ctx, ioc.DestroyOptions{}))
	}
	must("destroy", there.Jail("web").Destroy(ctx, ioc.DestroyOptions{}))
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

// TestStreamOfSeveral sends a jail in which somebody has made a file system.
func TestStreamOfSeveral(t *testing.T) {
	t.Parallel()
	h, there := jailed(t), second(t)
	ctx := t.Context()
	place, err := zfs.Find(h.Root())
	if err != nil {
		t.Fatal(err)
	}
	files := place.Root + "/jails/web/root"
	if err := command("create", files+"/data"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Root(), "jails/web/root/data/f"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Jail("web").Snapshot(ctx, "alone"); err != nil {
		t.Fatal(err)
	}
	if err := h.Jail("web").Send(ctx, "alone", "", &bytes.Buffer{}); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "root/data") {
		t.Errorf("send of a snapshot that is not of all file systems: %v", err)
	}
	if err := command("snapshot", "-r", files+"@all"); err != nil {
		t.Fatal(err)
	}
	if err := h.Jail("web").Send(ctx, "all", "alone", &bytes.Buffer{}); !errors.Is(err, fault.NotSupported) {
		t.Errorf("send of what is new in several file systems: %v", err)
	}
	stream := sent(t, h, "web", "all", "")
	if err := there.Jail("shop").Receive(ctx, ioc.ReceiveOptions{Stream: bytes.NewReader(stream)}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(there.Root(), "jails/shop/root/data/f")); got != "data" {
		t.Errorf("the file in the file system below is %q", got)
	}
	before := picture(t, there.Root())
	if err := there.Jail("x").Receive(ctx, ioc.ReceiveOptions{Stream: bytes.NewReader(stream[:len(stream)-5000])}); !errors.Is(err, fault.Corrupt) {
		t.Errorf("receive of a part: %v", err)
	}
	if got := picture(t, there.Root()); got != before {
		t.Errorf("a stream that was cut off has changed the pool: before\n%s\nafter\n%s", before, got)
	}
}

// TestStreamElsewhere: other storage says that it cannot.
func TestStreamElsewhere(t *testing.T) {
	t.Parallel()
	h, err := ioc.Open(t.Context(), ioc.Options{Root: filepath.Join(t.TempDir(), "root")})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"send":    h.Jail("web").Send(context.Background(), "s", "", &bytes.Buffer{}),
		"receive": h.Jail("web").Receive(context.Background(), ioc.ReceiveOptions{Stream: strings.NewReader("")}),
	} {
		if !errors.Is(err, fault.NotSupported) || !strings.Contains(err.Error(), "ZFS") {
			t.Errorf("%s: %v, want that it takes ZFS", what, err)
		}
	}
}
