//go:build ignore

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "release/embedded:", err)
		os.Exit(1)
	}
}

// generate builds the userland for an architecture and puts it, compressed, where go:embed finds it.
func generate() (err error) {
	if len(os.Args) < 2 {
		return errors.New("an architecture is needed, and a directory may follow")
	}
	arch, dir := os.Args[1], "blob"
	if len(os.Args) > 2 {
		dir = os.Args[2]
	}
	tmp, err := os.MkdirTemp("", "ioc-userland")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	program := filepath.Join(tmp, "userland")
	// Without HTTP/2, which wget and httpd in a jail do not need and which is 5 percent of the program.
	build := exec.Command("go", "build", "-C", filepath.Join("..", "..", "userland"), "-o", program,
		"-tags=nethttpomithttp2", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", ".")
	build.Env = append(environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	raw, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	// One goroutine, because the frames of several would depend on who was faster.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	blob := enc.EncodeAll(raw, nil)
	name := filepath.Join(dir, "userland-linux-"+arch+".zst")
	if err := write(name, blob); err != nil {
		return err
	}
	fmt.Printf("release/embedded: %s, %d of %d bytes\n", name, len(blob), len(raw))
	return nil
}

// write writes beside the name and renames: a build that reads it meanwhile sees the old blob or the new
// one. The dot keeps what an interrupted run leaves out of go:embed's sight.
func write(name string, blob []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".blob-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(blob)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// environ is the environment without what would make the bytes depend on the caller: CPU levels such
// as GOAMD64=v3 would also leave out older machines.
func environ() []string {
	drop := []string{"GOAMD64=", "GOARM64=", "GOARM=", "GO386=", "GOMIPS=", "GOMIPS64=", "GOPPC64=", "GORISCV64=", "GOFIPS140=", "GODEBUG="}
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc(drop, func(name string) bool { return strings.HasPrefix(kv, name) })
	})
}
