package linuxns

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/sandbox"
)

// ownUsers is the driver with a user namespace for every jail.
type ownUsers struct{ *Driver }

func (d ownUsers) Start(spec sandbox.Spec) ([]events.Effect, error) {
	spec.UserNS = &sandbox.UserNS{}
	return d.Driver.Start(spec)
}

// TestDriverOwnUsers runs the contract's tests with a user namespace for every jail.
func TestDriverOwnUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's jails always have one: TestDriver")
	}
	s := suite()
	plain := s.New
	s.New = func(dir, prefix string) sandbox.Driver { return ownUsers{plain(dir, prefix).(*Driver)} }
	s.Run(t)
}

// TestOwnUsersFiles: the jail's root writes as root on disk, and is somebody else on the host.
func TestOwnUsersFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can map other ids")
	}
	for name, prepare := range map[string]func(*lab){
		"directory": func(*lab) {},
		"overlay":   func(l *lab) { l.layers(t) },
		"chosen": func(l *lab) {
			r := []sandbox.IDRange{{Outside: 700000, Count: 2000}}
			l.spec.UserNS = &sandbox.UserNS{UIDs: r, GIDs: r}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.spec.UserNS = &sandbox.UserNS{}
			prepare(l)
			j := l.begin(t)
			l.probe(t, j, "write", "/new", "x")
			p := probeProcess("write", "/tmp/web", "x")
			p.User.Name = "web"
			if out, exit, err := l.run(t, j, p); err != nil || exit.Status() != 0 {
				t.Fatal(out, exit, err)
			}
			where := l.root
			if o := l.spec.Root.Overlay; o != nil {
				where = o.Upper
			}
			for file, uid := range map[string]uint32{"new": 0, "tmp/web": 1000} {
				info, err := os.Stat(filepath.Join(where, file))
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Sys().(*syscall.Stat_t).Uid; got != uid {
					t.Errorf("%s belongs to %d on disk, want %d", file, got, uid)
				}
			}
			status := l.probe(t, j, "read", "/proc/self/uid_map")
			if f := strings.Fields(status); len(f) != 3 || f[0] != "0" || f[1] == "0" {
				t.Errorf("uid_map = %q", status)
			}
			var st syscall.Stat_t
			if err := syscall.Stat("/proc/"+itoa(j.PID), &st); err != nil || st.Uid == 0 {
				t.Errorf("the jail's root is %d on the host (%v)", st.Uid, err)
			}
		})
	}
}
