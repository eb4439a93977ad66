package embedded

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// inside runs a script in the unpacked root: as root with a chroot, mounts and processes of its own; as
// anybody else in a user namespace, if there are any.
func inside(t *testing.T, dir, script string, user *syscall.Credential) (string, error) {
	t.Helper()
	attr := &syscall.SysProcAttr{
		Chroot: dir, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET,
		Unshareflags: syscall.CLONE_NEWNS, Credential: user, Pdeathsig: syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.Unshareflags = 0
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = attr
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if errors.Is(err, syscall.EPERM) && os.Geteuid() != 0 {
		t.Skip("no user namespaces here")
	}
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	return out.String(), err
}

func TestInside(t *testing.T) {
	dir := unpack(t)
	for _, c := range []struct{ name, script, want string }{
		{"pipe", `echo hi | cat`, "hi\n"},
		{"list", `ls /`, "bin\ndev\netc\nhome\nmnt\nopt\nproc\nroot\nrun\nsbin\nsrv\nsys\ntmp\nusr\nvar\n"},
		{"who", `id -un; whoami; id -g; echo ~`, "root\nroot\n0\n/root\n"},
		{"path", `which ls; which -a sh | head -n 1; command -v find`, "/usr/sbin/ls\n/usr/sbin/sh\n/usr/sbin/find\n"},
		{"proc", `mount -t proc proc /proc && ps -o pid,args -p 1 && ps -e -o comm= | head -n 1; umount /proc`, "PID COMMAND\n  1 /bin/sh -c " +
			"mount -t proc proc /proc && ps -o pid,args -p 1 && ps -e -o comm= | head -n 1; umount /proc\nsh\n"},
		{"background", `mount -t proc proc /proc; sleep 100 & kill $!; wait $!; echo $?; { echo copy; } & wait; umount /proc`, "143\ncopy\n"},
		{"without-proc", `sleep 0 & wait $!; echo $?; true | false; echo $?; sh -c 'echo nested'`, "0\n1\nnested\n"},
		{"tar", `cd /tmp && mkdir -p a/b && echo x >a/b/c && tar czf a.tgz a && rm -r a && tar xzf a.tgz && cat a/b/c && rm -r a a.tgz`, "x\n"},
		{"find", `find /etc -name 'host*' | sort`, "/etc/hostname\n/etc/hosts\n"},
		{"grep", `grep -c . /etc/passwd; grep -l localhost /etc/host*`, "4\n/etc/hostname\n/etc/hosts\n"},
		{"sed-awk", `sed -n 's/^root:.*:\(.*\)/\1/p' /etc/passwd; awk -F: '$3 == 0 { print $1 }' /etc/passwd`, "/bin/sh\nroot\n"},
		{"hostname", `hostname jail && hostname && cat /etc/ioc-release | cut -c1-9`, "jail\nembedded-\n"},
		{"loopback", `ip link set lo up && ip -br addr show lo && ping -c 1 -q 127.0.0.1 | grep -c '1 received'`, "lo               UNKNOWN    127.0.0.1/8 ::1/128\n1\n"},
		{"http", `ip link set lo up; echo served >/srv/f; httpd -p 127.0.0.1:80 -d /srv & p=$!; until nc -z 127.0.0.1 80 2>/dev/null; do sleep 0.01; done; wget -qO- http://localhost/f; kill $p; rm /srv/f`, "served\n"},
		{"profile", `. /etc/profile; echo $PATH | cut -d: -f1; type ll | head -n 1`, "/usr/local/sbin\n"},
		{"script", `printf '#!/bin/sh\necho from $0\n' >/tmp/s; chmod +x /tmp/s; /tmp/s; rm /tmp/s`, "from /tmp/s\n"},
		{"env", `env -i /usr/bin/env | sort`, ""},
		{"release", `. /etc/os-release; echo $ID; echo "$NAME"`, "ioc\nioc embedded release\n"},
		{"no-etc", `mkdir /tmp/bare && cp /bin/userland /tmp/bare/ && chroot /tmp/bare /userland sh -c 'ls /; echo $((1+1)) | cat; id -u'; rm -r /tmp/bare`, "userland\n2\n0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := inside(t, dir, c.script, nil)
			if c.name == "profile" {
				err = nil // an alias is none in a script
			}
			if got != c.want || err != nil {
				t.Errorf("%s\nprinted %q\nwant    %q\n%v", c.script, got, c.want, err)
			}
		})
	}
}

// TestInsideAsUser runs as somebody who owns nothing.
func TestInsideAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	dir := unpack(t)
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for _, c := range []struct{ script, want string }{
		{`id -un; id -gn`, "nobody\nnogroup\n"},
		{`echo x 2>/dev/null >/etc/x || echo refused`, "refused\n"},
		{`ls /root 2>/dev/null || echo refused`, "refused\n"},
		{`echo x >/tmp/x && cat /tmp/x && rm /tmp/x && echo gone`, "x\ngone\n"},
		{`cat /etc/shadow 2>/dev/null || echo refused`, "refused\n"},
		{`su -c id root 2>&1`, "su: only root can become somebody else\n"},
		{`seq 3 | sort -r | head -n 1`, "3\n"},
	} {
		got, _ := inside(t, dir, c.script, nobody)
		if got != c.want {
			t.Errorf("%s printed %q, want %q", c.script, got, c.want)
		}
	}
}

// TestApplets holds the list of links against what the program says it can do.
func TestApplets(t *testing.T) {
	dir := unpack(t)
	out, err := exec.Command(filepath.Join(dir, "bin", "userland"), "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	if has, want := strings.Fields(applets), strings.Fields(string(out)); !slices.Equal(has, want) {
		t.Errorf("applets.txt is not what userland --list prints; it should be\n%s", out)
	}
}

// asUser is set in the child of TestUnpackAsUser, to the directory to unpack into.
const asUser = "IOC_EMBEDDED_UNPACK"

// TestUnpackAsUser unpacks as an ordinary user, who then owns what was unpacked and can use it.
func TestUnpackAsUser(t *testing.T) {
	if dir := os.Getenv(asUser); dir != "" {
		if _, err := Unpack(t.Context(), dir, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := inside(t, dir, `id -u; ls -d /root; touch /etc/mine && echo mine`, nil); err != nil || got != "0\n/root\nmine\n" {
			t.Errorf("in a user namespace: %q, %v", got, err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become an ordinary user; the other tests are that of one")
	}
	top, err := os.MkdirTemp("", "ioc-embedded-user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	binary, dir := filepath.Join(top, "test"), filepath.Join(top, "root")
	if err := errors.Join(os.Chmod(top, 0o755), os.WriteFile(binary, program, 0o755), os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestUnpackAsUser$", "-test.v")
	cmd.Dir = top
	cmd.Env = []string{guard + "=1", asUser + "=" + dir, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	fi, err := os.Stat(filepath.Join(dir, "bin", "userland"))
	if err != nil || fi.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("bin/userland: %v, %v", fi, err)
	}
}
