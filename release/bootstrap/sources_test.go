package bootstrap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const stanzas = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://deb.example/node
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/other.gpg

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
`

const oneLine = `
# deb http://off.example/debian bookworm main
deb [arch=amd64 trusted=yes] http://mirror.example/debian bookworm main # the usual
deb-src http://mirror.example/debian bookworm main
deb http://deb.example/tool bookworm stable
deb http://flat.example/ ./
debris
`

func TestRepositories(t *testing.T) {
	none, all := func(string) bool { return false }, func(string) bool { return true }
	for _, tc := range []struct {
		name, distribution, suite string
		host                      []repository
		exists                    func(string) bool
		want                      []string
	}{
		{"as-the-host", "debian", "bookworm", parseStanzas(stanzas), all, []string{
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main contrib",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm-updates main contrib",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian-security bookworm-security main",
		}},
		{"another-suite", "debian", "trixie", parseStanzas(stanzas), none, []string{
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian trixie main contrib",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian trixie-updates main contrib",
			"deb http://mirror.example/debian-security trixie-security main",
		}},
		{"rolling", "debian", "sid", parseStanzas(stanzas), none, []string{
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian sid main contrib",
		}},
		{"one-line-trusted", "debian", "bookworm", parseList(oneLine), all, []string{
			"deb [trusted=yes] http://mirror.example/debian bookworm main",
		}},
		{"another-distribution", "ubuntu", "noble", parseStanzas(stanzas), none, []string{
			"deb http://archive.ubuntu.com/ubuntu noble main universe",
			"deb http://archive.ubuntu.com/ubuntu noble-updates main universe",
			"deb http://archive.ubuntu.com/ubuntu noble-security main universe",
		}},
		{"no-apt", "debian", "bookworm", nil, all, []string{
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-updates main",
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, _ := lookup(tc.distribution)
			if diff := cmp.Diff(tc.want, d.repositories(tc.suite, "amd64", tc.host, tc.exists)); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSources: whatever administrators write, what is made of it are lines of one source each.
func FuzzSources(f *testing.F) {
	f.Add(stanzas)
	f.Add(oneLine)
	f.Add("deb [")
	f.Add("deb [] x y")
	f.Add("Types: deb\nURIs: a\n b\nSuites: c\nSigned-By:\n -----BEGIN\n .\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range append(parseList(text), parseStanzas(text)...) {
			for _, s := range r.suites {
				if line := r.line(s); strings.Contains(line, "\n") && !strings.Contains(r.signedBy, "\n") || !strings.HasPrefix(line, "deb ") {
					t.Errorf("%q makes %q", text, line)
				}
			}
		}
	})
}
