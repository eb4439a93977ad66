// Package account reads the names of users and groups from /etc/passwd and /etc/group. Both files may be
// absent: names are then numbers.
package account

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// User is a line of /etc/passwd.
type User struct {
	Name, Home, Shell, Info string
	UID, GID                int
	Password                string
}

// Group is a line of /etc/group.
type Group struct {
	Name    string
	GID     int
	Members []string
}

// Names translates between names and numbers. Files are read when first needed. The zero value is ready.
type Names struct {
	users  []User
	groups []Group
	read   [2]bool
}

func (n *Names) load() []User {
	if !n.read[0] {
		n.read[0] = true
		eachLine("/etc/passwd", 7, func(f []string) {
			uid, err := strconv.Atoi(f[2])
			gid, err2 := strconv.Atoi(f[3])
			if err == nil && err2 == nil {
				n.users = append(n.users, User{Name: f[0], Password: f[1], UID: uid, GID: gid, Info: f[4], Home: f[5], Shell: f[6]})
			}
		})
	}
	return n.users
}

func (n *Names) loadGroups() []Group {
	if !n.read[1] {
		n.read[1] = true
		eachLine("/etc/group", 4, func(f []string) {
			if gid, err := strconv.Atoi(f[2]); err == nil {
				n.groups = append(n.groups, Group{f[0], gid, strings.FieldsFunc(f[3], func(r rune) bool { return r == ',' })})
			}
		})
	}
	return n.groups
}

func eachLine(path string, fields int, f func([]string)) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	for s.Scan() {
		if parts := strings.Split(s.Text(), ":"); len(parts) >= fields && parts[0] != "" && parts[0][0] != '#' {
			f(parts)
		}
	}
}

// User finds a user by name or by number.
func (n *Names) User(name string) (User, error) {
	for _, u := range n.load() {
		if u.Name == name {
			return u, nil
		}
	}
	if uid, err := strconv.ParseUint(name, 10, 31); err == nil {
		if u, ok := n.ByUID(int(uid)); ok {
			return u, nil
		}
		return User{Name: name, UID: int(uid), GID: int(uid), Home: "/"}, nil
	}
	return User{}, fmt.Errorf("unknown user %q", name)
}

// ByUID finds a user by number.
func (n *Names) ByUID(uid int) (User, bool) {
	for _, u := range n.load() {
		if u.UID == uid {
			return u, true
		}
	}
	return User{}, false
}

// UserName is the user's name, or the number.
func (n *Names) UserName(uid int) string {
	if u, ok := n.ByUID(uid); ok {
		return u.Name
	}
	return strconv.Itoa(uid)
}

// GroupName is the group's name, or the number.
func (n *Names) GroupName(gid int) string {
	if name, ok := n.ByGID(gid); ok {
		return name
	}
	return strconv.Itoa(gid)
}

// ByGID finds a group's name by number.
func (n *Names) ByGID(gid int) (string, bool) {
	for _, g := range n.loadGroups() {
		if g.GID == gid {
			return g.Name, true
		}
	}
	return "", false
}

// GID finds a group's number by name or by number.
func (n *Names) GID(name string) (int, error) {
	for _, g := range n.loadGroups() {
		if g.Name == name {
			return g.GID, nil
		}
	}
	if gid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(gid), nil
	}
	return 0, fmt.Errorf("unknown group %q", name)
}

// GroupsOf lists the groups that name a user as a member, beginning with the user's own.
func (n *Names) GroupsOf(u User) []int {
	gids := []int{u.GID}
	for _, g := range n.loadGroups() {
		for _, m := range g.Members {
			if m == u.Name && g.GID != u.GID {
				gids = append(gids, g.GID)
			}
		}
	}
	return gids
}
