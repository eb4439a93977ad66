#!/bin/sh
# Compiles the userland that is embedded in ioc if it is missing or older than its sources. Takes the go
# command as its argument. Without it ioc builds too, and says at run time what it lacks.
set -eu
go=${1:-go}
blob=release/embedded/blob/userland-linux-$($go env GOARCH).zst
if [ -e "$blob" ] && [ -z "$(find userland release/embedded go.mod -newer "$blob" -name '*.[gmts]*' -print | head -n 1)" ]; then
	exit 0
fi
exec "$go" generate ./release/embedded
