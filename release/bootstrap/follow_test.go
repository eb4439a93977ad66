package bootstrap

import (
	"errors"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// TestJudge: what apt 2.6 and debootstrap 1.0 say, in Debian 12.
func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name, stderr string
		kind         fault.Kind
	}{
		{"suite", "E: The repository 'http://deb.debian.org/debian nosuch Release' does not have a Release file.\nE: apt-get update failed\n", fault.NotFound},
		{"key", "W: GPG error: http://x bookworm InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 0E98404D386FA1D9\nE: The repository 'http://x bookworm InRelease' is not signed.\n", fault.Denied},
		{"network", "E: Failed to fetch http://x/InRelease  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)\n", fault.Unavailable},
		{"page", "E: Failed to fetch http://x/InRelease  Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)\nE: The repository 'http://x bookworm InRelease' is not signed.\n", fault.Unavailable},
		{"hash", "E: Failed to fetch http://x/p.deb  Hash Sum mismatch\n", fault.Corrupt},
		{"disk", "dpkg: error processing archive x.deb: failed to write (No space left on device)\nE: setup failed\n", fault.NoSpace},
		{"other", "E: something else\n", fault.Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, _ := lookup("debian")
			j := &job{source: &source{distribution: d, suite: "bookworm"}, tool: tool{name: "mmdebstrap"}}
			err := j.judge(&run.Error{Argv: []string{"mmdebstrap"}, ExitCode: 25, State: "exit status 25", Stderr: tc.stderr}, &complaints{})
			if fault.KindOf(err) != tc.kind || tc.kind != fault.Unknown && len(fault.Remedies(err)) == 0 {
				t.Errorf("%v is %v with remedies %q, want %v", err, fault.KindOf(err), fault.Remedies(err), tc.kind)
			}
		})
	}
	if err := (&job{}).judge(nil, &complaints{}); err != nil {
		t.Errorf("nothing failed: %v", err)
	}
}

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		distribution, suite string
		kind                fault.Kind
	}{
		{"debian", "", fault.Invalid},
		{"debian", "../etc", fault.Invalid},
		{"debian", "-x", fault.Invalid},
		{"debian", "a b", fault.Invalid},
		{"gentoo", "x", fault.NotFound},
	} {
		if _, err := New(tc.distribution, tc.suite, Options{}); !errors.Is(err, tc.kind) {
			t.Errorf("New(%q, %q): %v, want %v", tc.distribution, tc.suite, err, tc.kind)
		}
	}
	src, err := New("ubuntu", "noble", Options{})
	if err != nil || src.String() != "ubuntu/noble" {
		t.Errorf("New: %v, %v", src, err)
	}
}
