package embedded

import "embed"

// blobs holds the compressed program if go generate was run before the build. The text file beside it is
// there always, because a pattern that matches nothing would be an error.
//
//go:embed blob/userland-linux-arm64.*
var blobs embed.FS
