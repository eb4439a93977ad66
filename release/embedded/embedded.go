package embedded

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of applets.txt
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/libioc/ioc/fault"
)

// Name is what the release is called.
const Name = "embedded"

// applets are the names that the program answers to, one a line.
//
//go:embed applets.txt
var applets string

// Arch is the architecture that the release is for, as Go names it: ioc's own.
func Arch() string { return runtime.GOARCH }

// Available returns nil if the release is in this build of ioc, and otherwise a fault.NotSupported with
// the remedy.
func Available() error {
	_, err := blob()
	return err
}

// blobName is where gen.go puts the program.
func blobName() string { return "blob/userland-linux-" + Arch() + ".zst" }

func blob() ([]byte, error) {
	b, err := blobs.ReadFile(blobName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Unsupported("the embedded release for "+Arch(), "a build of ioc that carries it").
			WithRemedy("run `make build`, or `go generate ./release/embedded` and build again")
	}
	return b, err
}

// Digest identifies what Unpack writes, as "sha256:" and 64 digits; it is empty if the release is not
// available. Equal digests mean equal trees, except for the owner.
func Digest() string {
	b, err := blob()
	if err != nil {
		return ""
	}
	h := sha256.New()
	h.Write(b)
	for _, e := range skeleton("") {
		fmt.Fprintf(h, "%s %o %q %q\n", e.name, e.mode, e.link, e.text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Version is the name with the beginning of the digest, "embedded-1a2b3c4d5e6f", or the name alone if
// the release is not available.
func Version() string {
	digest := strings.TrimPrefix(Digest(), "sha256:")
	if digest == "" {
		return Name
	}
	return Name + "-" + digest[:12]
}

// size is the size of the unpacked program, which the blob's header tells.
func size() (int64, error) {
	b, err := blob()
	if err != nil {
		return 0, err
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil || !h.HasFCS {
		return 0, fault.New("", fault.Corrupt, "the embedded program", err)
	}
	return int64(h.FrameContentSize), nil
}

// program opens the unpacked program.
func program() (io.ReadCloser, error) {
	b, err := blob()
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}
