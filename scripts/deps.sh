#!/bin/sh
# Installs the programs that the tests use and a bare Debian lacks; elsewhere says in one line what is left out.
# Never fails: every test that misses a program says so itself.
set -u

# package:program - what uses it
wanted='
uidmap:newuidmap
iproute2:ip
e2fsprogs:mkfs.ext4
xz-utils:xz
bash-completion:/usr/share/bash-completion/bash_completion
zsh:zsh
fish:fish
groff-base:groff
mmdebstrap:mmdebstrap
debootstrap:debootstrap
dnsmasq-base:dnsmasq
passt:pasta
slirp4netns:slirp4netns
zfs-fuse:zfs
'
# uidmap     jails of an ordinary user with a range of ids
# iproute2   network checks from outside
# e2fsprogs  file systems in a file, for "disk full"
# xz-utils   unpacks in place of the decoder in Go
# bash-completion, zsh, fish  completion in real shells
# groff-base manual pages are read by what shows them
# mmdebstrap, debootstrap  a real Debian and a real Ubuntu in a jail
# dnsmasq-base  a DHCP server that jails ask
# passt, slirp4netns  networks of ordinary users
# zfs-fuse   a pool for the tests of the ZFS back end, served by a program that they start themselves; not for a host
#            that has a ZFS already, whose commands it would replace

PATH=$PATH:/usr/sbin:/sbin
missing=
for line in $wanted; do
	command -v "${line#*:}" >/dev/null 2>&1 || [ -e "${line#*:}" ] || missing="$missing ${line%%:*}"
done
[ -z "$missing" ] && exit 0

if [ "$(uname -s)" != Linux ]; then
	echo "deps: not Linux; the tests of the Linux back ends are left out"
elif [ "$(id -u)" != 0 ]; then
	echo "deps: not root; left out:$missing"
elif ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: no apt-get; install by hand:$missing"
else
	echo "deps: installing$missing"
	log=$(mktemp) || exit 0
	apt='apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0'
	export DEBIAN_FRONTEND=noninteractive
	# invoke-rc.d starts no daemon of a package in runlevel 1: zfs-fuse would serve the host.
	export RUNLEVEL=1
	# A list of packages may be absent or old on a new machine: refresh it only when it does not serve.
	# shellcheck disable=SC2086 # words on purpose
	if ! $apt install --no-install-recommends $missing >"$log" 2>&1 &&
		! { $apt update && $apt install --no-install-recommends $missing; } >"$log" 2>&1; then
		tail -n 5 "$log"
		echo "deps: could not be installed; left out:$missing"
	fi
	rm -f "$log"
fi
exit 0
