//go:build unix

package term

import (
	"errors"
	"io"
	"os"
	"testing"
)

func newKeys(t *testing.T, stopped error) (k *Keys, in, typist *os.File) {
	t.Helper()
	in, typist, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if k, err = NewKeys(in, stopped); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close(); in.Close(); typist.Close() })
	return k, in, typist
}

// TestKeysStop ends a Read that waits, and leaves what comes later to the next reader.
func TestKeysStop(t *testing.T) {
	stopped := errors.New("stopped")
	k, in, typist := newKeys(t, stopped)
	if _, err := typist.WriteString("a"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := k.Read(buf); string(buf[:n]) != "a" || err != nil {
		t.Fatalf("Read gave %q, %v", buf[:n], err)
	}
	ended := make(chan error)
	go func() {
		_, err := k.Read(buf)
		ended <- err
	}()
	k.Stop()
	if err := <-ended; !errors.Is(err, stopped) || k.Ended() {
		t.Errorf("a stopped Read gave %v, Ended %v", err, k.Ended())
	}
	if _, err := typist.WriteString("b"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Read(buf); !errors.Is(err, stopped) {
		t.Errorf("Read after Stop gave %v", err)
	}
	if n, err := in.Read(buf); string(buf[:n]) != "b" || err != nil {
		t.Errorf("the next reader gets %q, %v, want b", buf[:n], err)
	}
}

func TestKeysEnd(t *testing.T) {
	k, _, typist := newKeys(t, errors.New("stopped"))
	if _, err := typist.WriteString("last"); err != nil {
		t.Fatal(err)
	}
	typist.Close()
	if all, err := io.ReadAll(k); string(all) != "last" || err != nil || !k.Ended() {
		t.Errorf("read %q, %v, Ended %v", all, err, k.Ended())
	}
}

func TestNoTerminal(t *testing.T) {
	_, in, _ := newKeys(t, io.EOF)
	if IsTerminal(in) || IsTerminal(nil) {
		t.Error("a pipe is taken for a terminal")
	}
	if rows, cols := Size(in); rows|cols != 0 || Width(in) != 0 {
		t.Errorf("a pipe has %d rows and %d columns", rows, cols)
	}
	if _, err := MakeRaw(in); err == nil {
		t.Error("a pipe was made raw")
	}
}
