#!/bin/sh
# make demo: a jail from nothing to running, in a root of its own. make demo-clean: takes all of it back.
set -eu
ioc=$PWD/bin/ioc
IOC_ROOT=${IOC_ROOT:-$PWD/bin/demo}
export IOC_ROOT

case ${1:-} in
clean)
	[ -d "$IOC_ROOT" ] || exit 0
	"$ioc" stop demo
	"$ioc" destroy demo
	rm -rf "$IOC_ROOT"
	;;
*)
	mkdir -p "$IOC_ROOT"
	"$ioc" create demo
	"$ioc" start demo
	"$ioc" exec demo sh -c 'echo "hello from $(hostname), where I am process $$ and $(id -un)"'
	cat <<END

The jail is running. Type next:

    export IOC_ROOT=$IOC_ROOT
    bin/ioc list
    bin/ioc console demo        # a shell in the jail; exit leaves it running
    bin/ioc stop demo           # the rollback of start, as events
    make demo-clean             # leaves nothing
END
	;;
esac
