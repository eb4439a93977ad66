package apply_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/config"
)

func TestParse(t *testing.T) {
	const text = `# comment
jails:
  db:
    release: deb
    memoryuse: 1G
    boot: yes
    priority: -3
    tags: [a, b]
    depends: [x, tags=y]
    notes: null
    fstab:
      - /a /b nullfs ro 0 0
      - /c /d nullfs rw 0 0
  web: &same {clone: db, state: any, user.x: "7", notes: "none"}
  copy: *same
  golden: {template: true}
  bare:
`
	f, err := apply.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	fstab := "/a /b nullfs ro 0 0\n/c /d nullfs rw 0 0\n"
	same := apply.Jail{Name: "web", Clone: "db", State: apply.Any, Properties: map[string]string{"user.x": "7"}}
	copied := same
	copied.Name = "copy"
	want := &apply.File{Jails: []apply.Jail{
		{Name: "db", Release: "deb", State: apply.Running, Fstab: &fstab, Properties: map[string]string{
			"memoryuse": "1G", "boot": "yes", "priority": "-3", "tags": "a,b", "depends": "x tags=y",
		}},
		same, copied,
		{Name: "golden", State: apply.Stopped, Properties: map[string]string{"template": "yes"}},
		{Name: "bare", State: apply.Running, Properties: map[string]string{}},
	}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseWrong(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"not-yaml", "jails: [", "f: line 1: did not find expected node content"},
		{"list", "- a", "f:1:1: the file has to be a mapping"},
		{"key", "jail:", `f:1:1: there is no "jail" here`},
		{"jail-list", "jails: {a: [b]}", "f:1:12: a has to be a mapping"},
		{"property", "jails:\n  a:\n    memoryus: 1G", `f:3:5: there is no "memoryus" here`},
		{"value", "jails:\n  a:\n    memoryuse: lots", "f:3:16: memoryuse: "},
		{"twice", "jails:\n  a:\n  a:", `f:3:3: "a" is there already, in line 2`},
		{"list-of-one", "jails:\n  a:\n    priority: [1, 2]", "f:3:15: there has to be one value"},
		{"nested", "jails:\n  a:\n    notes: {b: c}", "f:3:12: there has to be one value"},
		{"state", "jails: {a: {state: up}}", "f:1:20: state is one of running, stopped, any"},
		{"both", "jails: {a: {release: b, clone: c}}", "f:1:9: a is made from a release or is a clone, not both"},
		{"merge", "jails: {a: &x {}, b: {<<: *x}}", "mappings are not merged"},
		{"name", "jails: {a: {name: b}}", "it is the jail's name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := apply.Parse("f", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzParse wants an answer, and values that are valid, to whatever is in a file.
func FuzzParse(f *testing.F) {
	f.Add("jails: {a: {memoryuse: 1G, tags: [b]}}")
	f.Add("jails: &a {a: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := apply.Parse("f", []byte(text))
		if err != nil {
			return
		}
		for _, j := range file.Jails {
			for key, value := range j.Properties {
				p, err := config.Find(key)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := p.Type.Canonical(value); err != nil || again != value {
					t.Fatalf("%s: %q is %q, %v", key, value, again, err)
				}
			}
		}
	})
}

// TestSchema: it is JSON, and names what a jail can have.
func TestSchema(t *testing.T) {
	var schema struct {
		Properties struct {
			Jails struct {
				AdditionalProperties struct {
					Properties map[string]struct{ Description string }
				}
			}
		}
	}
	if err := json.Unmarshal(apply.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	got := schema.Properties.Jails.AdditionalProperties.Properties
	for _, name := range []string{"release", "clone", "state", "fstab"} {
		if got[name].Description == "" {
			t.Errorf("%s is not described", name)
		}
	}
	for _, p := range config.Properties() {
		if got[p.Name].Description == "" {
			t.Errorf("%s is not described", p.Name)
		}
	}
}
