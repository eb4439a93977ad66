package jailstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/internal/format/jailstream"
)

// stream has two parts, the first of more than one frame.
func stream(t testing.TB) (whole []byte, head jailstream.Head, parts [][]byte) {
	t.Helper()
	head = jailstream.Head{
		Form: "zfs", Jail: "web", Snapshot: "b", Base: "a", Size: 17,
		Parts: []jailstream.Part{{Path: "root", ID: "12", Base: "11"}, {Path: "root/data", ID: "13"}},
		Files: map[string]string{"config.json": "{}\n"},
	}
	parts = [][]byte{bytes.Repeat([]byte("0123456789abcdef"), 1<<16+1), []byte("x")}
	var b bytes.Buffer
	w, err := jailstream.NewWriter(&b, &head)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.EndPart(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), head, parts
}

// read reads all of a stream.
func read(r io.Reader) (head jailstream.Head, parts [][]byte, err error) {
	x, err := jailstream.NewReader(r)
	if err != nil {
		return head, nil, err
	}
	for range x.Head.Parts {
		data, err := io.ReadAll(x)
		if err != nil {
			return head, nil, err
		}
		parts = append(parts, data)
		if err := x.Next(); err != nil {
			return head, nil, err
		}
	}
	return x.Head, parts, x.Close()
}

func TestRoundTrip(t *testing.T) {
	whole, head, parts := stream(t)
	for name, r := range map[string]io.Reader{"at once": bytes.NewReader(whole), "by halves": iotest.HalfReader(bytes.NewReader(whole))} {
		gotHead, gotParts, err := read(r)
		if err != nil || !cmp.Equal(gotHead, head) || !cmp.Equal(gotParts, parts) {
			t.Errorf("%s: %v; %s", name, err, cmp.Diff(head, gotHead))
		}
	}
	x, err := jailstream.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(x.Next(), x.Next(), x.Close()); err != nil {
		t.Errorf("skipped: %v", err)
	}
}

// TestTruncated cuts a stream at every byte of its frames, and at some of its data.
func TestTruncated(t *testing.T) {
	whole, _, _ := stream(t)
	for n := 1; n < len(whole); n++ {
		if n > 300 && n < len(whole)-100 {
			n = min(n+99_991, len(whole)-100)
		}
		if _, _, err := read(bytes.NewReader(whole[:n])); !errors.Is(err, jailstream.ErrTruncated) {
			t.Fatalf("%d of %d bytes: %v, want that it was cut off", n, len(whole), err)
		}
	}
}

// TestDamaged changes a bit of each byte, one after the other: no such stream is taken for whole.
func TestDamaged(t *testing.T) {
	whole, _, _ := stream(t)
	for n := 0; n < len(whole); n++ {
		if n > 300 && n < len(whole)-100 {
			n = min(n+49_999, len(whole)-100)
		}
		bad := bytes.Clone(whole)
		bad[n] ^= 4
		if _, _, err := read(bytes.NewReader(bad)); err == nil {
			t.Fatalf("byte %d of %d is wrong, and the stream is taken for whole", n, len(whole))
		}
	}
}

func TestForeign(t *testing.T) {
	for _, text := range []string{"", "hello\n", "iocjail2 and more", "\x00\x00\x00\x00\x00\x00\x00\x00\xac\xcb\xba\xf5\x02"} {
		if _, _, err := read(bytes.NewReader([]byte(text))); !errors.Is(err, jailstream.ErrForeign) {
			t.Errorf("%q: %v, want that it is foreign", text, err)
		}
	}
	broken := errors.New("broken")
	if _, _, err := read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	whole, _, _ := stream(f)
	f.Add(whole[:400])
	f.Add([]byte("iocjail1h\x00\x00\x00\x17" + `{"parts":[{"path":""}]}` + "e\x00\x00\x00\x00s\x00\x00\x00\x20"))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, parts, err := read(bytes.NewReader(data))
		if err == nil && len(parts) != len(head.Parts) {
			t.Error(fmt.Sprint(len(parts), " parts of ", len(head.Parts)))
		}
	})
}
