package embedded

import (
	"io/fs"
	"slices"
	"strings"
)

// entry is a file of the release: a directory, a link, or a small text.
type entry struct {
	name string
	mode fs.FileMode
	link string // what a link points at
	text string
}

// shell is what /etc/passwd and /etc/shells name.
const shell = "/bin/sh"

// skeleton lists everything but the program, directories before what is in them. The version appears in
// /etc/ioc-release; to find the version out, it is called without one.
func skeleton(version string) []entry {
	dir := func(name string, mode fs.FileMode) entry { return entry{name: name, mode: fs.ModeDir | mode} }
	link := func(name, target string) entry { return entry{name: name, mode: fs.ModeSymlink | 0o777, link: target} }
	file := func(name, text string) entry { return entry{name: name, mode: 0o644, text: text} }
	list := []entry{
		dir("bin", 0o755),
		dir("dev", 0o755),
		dir("etc", 0o755),
		dir("home", 0o755),
		dir("mnt", 0o755),
		dir("opt", 0o755),
		dir("proc", 0o555),
		dir("root", 0o700),
		dir("run", 0o755),
		dir("srv", 0o755),
		dir("sys", 0o555),
		dir("tmp", fs.ModeSticky|0o777),
		dir("usr", 0o755),
		dir("usr/local", 0o755),
		dir("usr/local/bin", 0o755),
		dir("usr/local/sbin", 0o755),
		dir("usr/share", 0o755),
		dir("var", 0o755),
		dir("var/cache", 0o755),
		dir("var/lib", 0o755),
		dir("var/log", 0o755),
		dir("var/spool", 0o755),
		dir("var/tmp", fs.ModeSticky|0o777),
		link("sbin", "bin"),
		link("usr/bin", "../bin"),
		link("usr/sbin", "../bin"),
		link("var/run", "../run"),
		link("var/lock", "../run"),
		link("etc/mtab", "../proc/self/mounts"),
		file("etc/passwd", passwd),
		file("etc/group", group),
		{name: "etc/shadow", mode: 0o600, text: shadow},
		file("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
		file("etc/hostname", "localhost\n"),
		file("etc/resolv.conf", ""),
		file("etc/nsswitch.conf", "hosts: files dns\n"),
		file("etc/shells", shell+"\n"),
		file("etc/profile", profile),
		file("etc/os-release", "ID=ioc\nNAME=\"ioc embedded release\"\nPRETTY_NAME=\"ioc embedded release\"\nVERSION_ID="+version+"\nHOME_URL=https://github.com/libioc/ioc\n"),
		file("etc/ioc-release", version+"\n"),
		file("etc/services", services),
		file("etc/protocols", "ip\t0\nicmp\t1\ntcp\t6\nudp\t17\nipv6-icmp\t58\n"),
	}
	for name := range strings.FieldsSeq(applets) {
		list = append(list, link("bin/"+name, "userland"))
	}
	return slices.Clip(list)
}

// Nobody can log in with a password: there is no way to check one.
const (
	passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
www:x:80:80:web server:/srv:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
`
	shadow = `root:*::0:::::
daemon:*::0:::::
www:*::0:::::
nobody:*::0:::::
`
	group = `root:x:0:
daemon:x:1:
tty:x:5:
wheel:x:10:
www:x:80:
users:x:100:
nogroup:x:65534:
`
	profile = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PAGER=more
[ "$(id -u)" = 0 ] || umask 022
PS1='\u@\h:\w\$ '
alias ll='ls -l'
for file in /etc/profile.d/*.sh; do
	[ -r "$file" ] && . "$file"
done
unset file
`
	services = `ssh	22/tcp
smtp	25/tcp
domain	53/tcp
domain	53/udp
http	80/tcp
ntp	123/udp
https	443/tcp
`
)
