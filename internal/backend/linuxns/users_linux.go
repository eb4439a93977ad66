package linuxns

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
)

// users is the mapping of a jail's user namespace.
type users struct {
	uids, gids []sandbox.IDRange
	helper     idHelpers // not usable: the kernel takes the maps from us
	shifted    bool      // files keep their ids by id-mapped mounts; only a privileged caller can have that
	oneGroup   bool      // the kernel wants setgroups(2) denied
}

// idHelpers are the programs that map ranges for an unprivileged user, and what the user was given.
type idHelpers struct {
	uidmap, gidmap string
	uids, gids     sandbox.IDRange // Inside is not set
	reason         string
}

func (h *idHelpers) usable() bool { return h.uidmap != "" && h.gidmap != "" && h.reason == "" }

func (h *idHelpers) why() string {
	if h.reason != "" {
		return h.reason
	}
	return "newuidmap and newgidmap are not installed"
}

// findIDHelpers looks for newuidmap and newgidmap, and for the user's ranges.
func findIDHelpers() idHelpers {
	var h idHelpers
	h.uidmap, _ = exec.LookPath("newuidmap")
	h.gidmap, _ = exec.LookPath("newgidmap")
	if h.uidmap == "" || h.gidmap == "" {
		return h
	}
	name := userName(os.Geteuid())
	var ok1, ok2 bool
	h.uids, ok1 = subordinate("/etc/subuid", name, os.Geteuid())
	h.gids, ok2 = subordinate("/etc/subgid", name, os.Geteuid())
	if !ok1 || !ok2 {
		h.reason = "no ranges for " + name + " in /etc/subuid and /etc/subgid"
	}
	return h
}

// userName looks a user up in /etc/passwd. The standard library's way may bring in the C library, and then
// the program could not be executed where there is none: inside a jail.
func userName(uid int) string {
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == itoa(uid) {
			return f[0]
		}
	}
	return ""
}

// subordinate finds the first range of a user in a file of "user:start:count" lines.
func subordinate(file, name string, uid int) (sandbox.IDRange, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return sandbox.IDRange{}, false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || (f[0] != name && f[0] != itoa(uid)) {
			continue
		}
		if start, count := atoi(f[1]), atoi(f[2]); start > 0 && count > 0 {
			return sandbox.IDRange{Outside: uint32(start), Count: uint32(count)}, true
		}
	}
	return sandbox.IDRange{}, false
}

// mapping chooses the ids of a jail; nil is no user namespace.
func (h *host) mapping(spec *sandbox.Spec) (*users, error) {
	want := spec.UserNS
	switch {
	case want == nil && h.privileged:
		return nil, nil
	case want == nil:
		want = &sandbox.UserNS{}
	}
	if (len(want.UIDs) == 0) != (len(want.GIDs) == 0) {
		return nil, invalid("user namespace", errors.New("ranges for users and groups go together"))
	}
	if len(want.UIDs) > 0 {
		return h.asked(want)
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	switch {
	case h.privileged:
		r := []sandbox.IDRange{{Outside: privateRange(spec.ID), Count: 65536}}
		return &users{uids: r, gids: r, shifted: true}, nil
	case h.helpers().usable():
		ranges := func(own uint32, sub sandbox.IDRange) []sandbox.IDRange {
			return []sandbox.IDRange{{Outside: own, Count: 1}, {Inside: 1, Outside: sub.Outside, Count: min(sub.Count, 65535)}}
		}
		return &users{uids: ranges(uid, h.helpers().uids), gids: ranges(gid, h.helpers().gids), helper: *h.helpers()}, nil
	default:
		return &users{
			uids: []sandbox.IDRange{{Outside: uid, Count: 1}}, gids: []sandbox.IDRange{{Outside: gid, Count: 1}}, oneGroup: true,
		}, nil
	}
}

// asked checks a mapping that was asked for. The jail needs a root: who else would make its mounts?
func (h *host) asked(want *sandbox.UserNS) (*users, error) {
	for _, ranges := range [][]sandbox.IDRange{want.UIDs, want.GIDs} {
		root := false
		for _, r := range ranges {
			root = root || r.Inside == 0 && r.Count > 0
		}
		if !root {
			return nil, invalid("user namespace", errors.New("id 0 is not mapped"))
		}
	}
	u := &users{uids: want.UIDs, gids: want.GIDs, shifted: h.privileged}
	single := len(want.UIDs) == 1 && want.UIDs[0].Count == 1 && len(want.GIDs) == 1 && want.GIDs[0].Count == 1
	if h.privileged {
		return u, nil
	}
	if single && want.UIDs[0].Outside == uint32(os.Geteuid()) && want.GIDs[0].Outside == uint32(os.Getegid()) {
		u.oneGroup = true
		return u, nil
	}
	if !h.helpers().usable() {
		return nil, fault.Unsupported("ranges of ids", h.helpers().why())
	}
	u.helper = *h.helpers()
	return u, nil
}

// privateRange spreads jails over the ids that distributions leave to containers. Two jails that meet
// in one are still apart in everything but ids.
func privateRange(id string) uint32 {
	const first, slots = 524288, 28664
	f := fnv.New32a()
	_, _ = f.Write([]byte(id))
	return first + f.Sum32()%slots*65536
}

// apply gives the maps to the user namespace of a process that waits for them.
func (u *users) apply(pid int) error {
	if u.helper.usable() {
		for _, c := range []struct {
			program string
			ranges  []sandbox.IDRange
		}{{u.helper.uidmap, u.uids}, {u.helper.gidmap, u.gids}} {
			args := []string{itoa(pid)}
			for _, r := range c.ranges {
				args = append(args, fmt.Sprint(r.Inside), fmt.Sprint(r.Outside), fmt.Sprint(r.Count))
			}
			if out, err := exec.Command(c.program, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", c.program, err, strings.TrimSpace(string(out)))
			}
		}
		return nil
	}
	dir := "/proc/" + itoa(pid)
	if u.oneGroup {
		if err := writeFile(dir+"/setgroups", "deny"); err != nil {
			return err
		}
	}
	if err := writeFile(dir+"/uid_map", mapLines(u.uids)); err != nil {
		return err
	}
	return writeFile(dir+"/gid_map", mapLines(u.gids))
}

func mapLines(ranges []sandbox.IDRange) string {
	var b strings.Builder
	for _, r := range ranges {
		fmt.Fprintf(&b, "%d %d %d\n", r.Inside, r.Outside, r.Count)
	}
	return b.String()
}
