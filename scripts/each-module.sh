#!/bin/sh
# Runs a command in every Go module of the tree, so that "go test ./..." really means all of it.
# tools/ is left out: it holds versions, no code.
set -eu
for mod in $(find . -name go.mod -not -path './tools/*' -not -path '*/testdata/*' | sort); do
	dir=$(dirname "$mod")
	[ "$dir" = . ] || echo "in ${dir#./}"
	(cd "$dir" && "$@")
done
