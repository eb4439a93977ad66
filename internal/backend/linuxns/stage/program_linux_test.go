package stage

import (
	"encoding/binary"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProgramWire(t *testing.T) {
	p := Program{
		{Op: OpPrivate},
		{Op: OpDrop, N: []int64{-1, 0, 1 << 62, 1}},
		{Op: OpExec, N: []int64{1}, S: []string{"/bin/sh", "", "A=\x01ü", strings.Repeat("x", 70000)}},
	}
	wire := p.Encode()
	if n := binary.LittleEndian.Uint32(wire); int(n) != len(wire)-4 {
		t.Errorf("length says %d of %d", n, len(wire)-4)
	}
	got, err := decode(wire[4:])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	for cut := 5; cut < 200; cut++ { // no cut that is not between steps goes unnoticed
		got, err := decode(wire[4:cut])
		if err == nil && !cmp.Equal(got, p[:len(got)]) {
			t.Errorf("cut at %d: %v", cut, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Program{{Op: OpHostname, S: []string{"a"}}, {Op: OpTTY, N: []int64{1, 2, 3}}}.Encode()[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(p.Encode()[4:])
		if err != nil || !cmp.Equal(p, again) {
			t.Errorf("decode of encode: %v, %v", again, err)
		}
	})
}

func TestOutcome(t *testing.T) {
	f := Failure{Exec: true, Errno: uint32(syscall.ENOENT), Where: "/bin/nope"}
	for _, c := range []struct {
		name    string
		wire    []byte
		started bool
		failure *Failure
	}{
		{"nothing", nil, false, nil},
		{"started", []byte{reached}, true, nil},
		{"failed_before", f.Encode(), false, &f},
		{"failed_at_exec", append([]byte{reached}, f.Encode()...), false, &f},
		{"cut", f.Encode()[:3], false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			started, failure := Outcome(c.wire)
			if started != c.started || !cmp.Equal(failure, c.failure) {
				t.Errorf("Outcome = %v, %+v; want %v, %+v", started, failure, c.started, c.failure)
			}
		})
	}
}
