#!/bin/sh
# make demo: a jail from nothing to running, in a root of its own below bin/, so that nothing else is touched.
# make demo-clean: takes all of it back. Both can be repeated, as root and as an ordinary user.
set -eu
program=$PWD/bin/ioc
IOC_ROOT=$PWD/bin/demo # never the caller's own: demo-clean destroys all jails in it
export IOC_ROOT

# type shows a command as one would type it, then runs it. Progress is a tree also where make has no terminal.
type() {
	echo
	echo "\$ ioc $*"
	case $1 in
	create | start) "$program" --events tree "$@" ;;
	*) "$program" "$@" ;;
	esac
}

clean() {
	[ -d "$IOC_ROOT" ] || return 0
	"$program" -q recover
	for jail in $("$program" list -H | cut -f 1); do
		"$program" destroy --force "$jail"
	done
	for release in $("$program" list --releases -H | cut -f 1); do
		"$program" destroy --yes --release "$release"
	done
	rm -rf "$IOC_ROOT"
}

if [ "${1:-}" = clean ]; then
	clean
	exit 0
fi

type create demo
type start demo
type exec demo hostname
type exec demo ps -e
type list
cat <<END

The jail is running, and stays when this terminal is closed. Type next:

    export IOC_ROOT='$IOC_ROOT'
    PATH="$PWD/bin:\$PATH"
    ioc console demo       # a shell in the jail; exit leaves the jail running
    ioc stop demo          # the rollback of start
    ioc run demo uname -a  # starts what does not run
    ioc help               # everything else
    make demo-clean        # leaves nothing
END
