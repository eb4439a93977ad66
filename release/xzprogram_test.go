package release

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/libioc/ioc/fault"
)

// installed is the host's xz.
func installed(t *testing.T) string {
	t.Helper()
	path := xzProgram(t.Context(), false)
	if path == "" {
		t.Skip("left out: the host's xz; apt-get install xz-utils")
	}
	return path
}

// oneBlock is an archive of one block that does not say how long it is.
func oneBlock(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func aside(t *testing.T, program string, data []byte, several bool) ([]byte, error) {
	t.Helper()
	in := &input{r: bytes.NewReader(data), ctx: t.Context()}
	r, end, err := xzAside(in, bufio.NewReader(in), program, several)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	return io.ReadAll(&unpacked{r, in})
}

// TestProgram: the host's program unpacks what the decoder does, and refuses what that refuses, in the same words.
func TestProgram(t *testing.T) {
	program := installed(t)
	plain, err := inTurn(blocks(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XZ_OPT", "--no-such-option") // of whoever calls: it means other files
	for name, data := range map[string][]byte{"one": oneBlock(t, plain), "several": blocks(t)} {
		t.Run(name, func(t *testing.T) {
			several := name == "several"
			if got, err := aside(t, program, data, several); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(plain))
			}
			for _, n := range []int{13, len(data) / 2, len(data) - 1} {
				if _, err := aside(t, program, data[:n], several); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("cut off after %d of %d: %v", n, len(data), err)
				}
			}
			bad := bytes.Clone(data)
			bad[len(bad)/2] ^= 0x10
			if _, err := aside(t, program, bad, several); !errors.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "corrupt") {
				t.Errorf("damaged: %v", err)
			}
		})
	}
	t.Run("memory", func(t *testing.T) {
		huge := oneBlock(t, plain)
		head := huge[xzHead : xzHead+(int(huge[xzHead])+1)*4]
		at := bytes.Index(head, []byte{0x21, 1}) // LZMA2 with one byte of properties
		head[at+2] = 40                          // a dictionary of 4 GiB
		binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
		if _, err := aside(t, program, huge, false); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "dictionary") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("dies", func(t *testing.T) {
		for _, script := range []string{"kill -9 $$", "exit 3", "exec /no/such/program"} {
			path := filepath.Join(t.TempDir(), "xz")
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // it is to be run
				t.Fatal(err)
			}
			if _, err := aside(t, path, blocks(t), false); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", script, err)
			}
		}
	})
}

// TestWithoutProgram: where there is none, or an old one, the decoder does it.
func TestWithoutProgram(t *testing.T) {
	plain, err := inTurn(blocks(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"one": oneBlock(t, plain), "several": blocks(t)} {
		for _, script := range []string{"", "echo XZ_VERSION=50020052", "echo busybox"} {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			if script != "" {
				if name == "one" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, "xz"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // it is to be run
					t.Fatal(err)
				}
			}
			in := &input{r: bytes.NewReader(data), ctx: t.Context()}
			r, end, err := newXZ(in, bufio.NewReaderSize(in, 64<<10))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, %q: %d bytes, %v", name, script, len(got), err)
			}
			end()
		}
	}
}
