//go:build !amd64 && !arm64

package embedded

import "embed"

// blobs holds the compressed programs of all architectures that go generate was run for. Those that ioc
// is released for have a list of their own, so that no ioc carries the program of another.
//
//go:embed blob/*
var blobs embed.FS
