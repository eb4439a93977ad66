package published

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzIndex: whatever servers say, nothing breaks, and no path leads to another server.
func FuzzIndex(f *testing.F) {
	f.Add("-\n  flavor: alpine-minirootfs\n  file: ../x\n")
	f.Add("SHA256 (a/base.txz) = 00\n")
	f.Add(`{"products":{"x":{"aliases":"a","arch":"b","versions":{"1":{"items":{"r":{"ftype":"root.tar.xz","path":"p"}}}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range flatYAML(text) {
			for key := range e {
				if strings.ContainsRune(key, '\n') {
					t.Errorf("key %q", key)
				}
			}
		}
		var p products
		if json.Unmarshal([]byte(text), &p) == nil {
			if found, ok := p.find("https://server", "a", "b"); ok && !strings.HasPrefix(found.archives[0].url, "https://server/") {
				t.Errorf("leads to %q", found.archives[0].url)
			}
		}
		sumLine().FindStringSubmatch(text)
	})
}
