package apply_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/libioc/ioc/apply"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/storage"
)

// validator is what an editor does with the schema: it judges the text of a file, by its values.
func validator(t *testing.T) func(text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(apply.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("jails.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("jails.schema.json") // against the schema of schemas
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		t.Helper()
		var values any
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		return schema.Validate(values)
	}
}

// TestExamples lets ioc and an editor read the examples of the handbook, of the command's help and of its transcript.
func TestExamples(t *testing.T) {
	valid := validator(t)
	for _, tc := range []struct {
		file    string
		indent  string // of the example
		least   int
		invalid string // begins a file of a transcript that is wrong
	}{
		{"docs/apply.md", "    ", 1, ""},
		{"internal/cli/apply.go", "    ", 1, ""},
		{"apply/file.go", "//\t", 1, ""},
		{"cmd/ioc/testdata/apply.txt", "", 4, "wrong.yaml"},
	} {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(tc.file)))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		lines := strings.Split(string(text), "\n")
		for n := 0; n < len(lines); n++ {
			if lines[n] != tc.indent+"jails:" {
				continue
			}
			wrong := tc.invalid != "" && lines[n-1] == "-- "+tc.invalid+" --"
			example := ""
			for ; n < len(lines) && strings.HasPrefix(lines[n], tc.indent) && lines[n] != "" && !strings.HasPrefix(lines[n], "--"); n++ {
				example += strings.TrimPrefix(lines[n], tc.indent) + "\n"
			}
			found++
			if _, err := apply.Parse(tc.file, []byte(example)); (err != nil) != wrong {
				t.Errorf("%v", err)
			}
			if err := valid(example); (err != nil) != wrong {
				t.Errorf("%s: the schema says %v of\n%s", tc.file, err, example)
			}
		}
		if found < tc.least {
			t.Errorf("%s: %d examples", tc.file, found)
		}
	}
}

// TestSchemaAgrees holds the schema against ioc: whatever the one refuses the other refuses, too.
func TestSchemaAgrees(t *testing.T) {
	valid := validator(t)
	agree := func(t *testing.T, text string) {
		t.Helper()
		_, wrong := apply.Parse("f", []byte(text))
		if err := valid(text); (err != nil) != (wrong != nil) {
			t.Errorf("ioc says %v, the schema %v of\n%s", wrong, err, text)
		}
	}
	for _, text := range []string{
		"", "# nothing", "jails:", "jails: {}", "jails: {a: }", "jails: {a: {}}", "jails: []", "[]", "jail:", "jails: {a: [b]}", "5",
		"jails: {a: {release: 13.2}}", "jails: {a: {release: [b]}}", "jails: {a: {release: b, clone: c}}", "jails: {a: {release: , clone: c}}",
		"jails: {a: {release: b, clone: ''}}", "jails: {a: {clone: 5}}", "jails: {a: {clone: {}}}",
		"jails: {a: {state: up}}", "jails: {a: {state: }}", "jails: {a: {state: running}, b: {state: stopped}, c: {state: any}}",
		"jails: {a: {fstab: }}", "jails: {a: {fstab: []}}", "jails: {a: {fstab: [x, y]}}", "jails: {a: {fstab: [[x]]}}", "jails: {a: {fstab: {x: y}}}",
		"jails: {a: {name: b}}", "jails: {a: {user.: b}}", "jails: {a: {user.a..b: b}}", "jails: {a: {user.a.b-c_D: b}}", "jails: {a: {user.a/b: b}}",
		"jails: {a: {eth0_mac: ['02:00:00:00:00:01', '02:00:00:00:00:02']}}", "jails: {a: {eth0_mtu: 1400}}", "jails: {a: {eth0_mtu: big}}",
		"jails: {a: {_mtu: 1400}}", "jails: {a: {eth.0_mtu: 1400}}", "jails: {a: {memoryus: 1G}}", "jails: {a: {wallclock: 5}}", "other: {}",
	} {
		agree(t, text)
	}
	long := strings.Repeat("x", 65)
	candidates := []any{
		nil, true, false, 0, 1, 5, -3, 1.5, 86400, 86401, "", "-", "none", "yes", "YES", "Off", "maybe", "5", "0", "-3", "05", "1400", "90000",
		"1G", "1g", "0G", "1024M", "8388607T", "1X", "deny=5", "5:deny", "deny=5M/jail", "5:deny/jail", "5/jail", "log=5", "5:log", "5/user", "deny=",
		"a b", "a,b", ",", "host.example", "-host", "a..b", "a_b", "ho/st", long, long[1:],
		[]any{},
		[]any{"a", "b"},
		[]any{"a", 5, nil},
		[]any{[]any{"a"}},
		map[string]any{"a": 1},
	}
	for _, p := range config.Properties() {
		if p.When == config.AtCreation {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			for _, value := range candidates {
				text, err := yaml.Marshal(map[string]any{"jails": map[string]any{"x": map[string]any{p.Name: value}}})
				if err != nil {
					t.Fatal(err)
				}
				agree(t, string(text))
			}
		})
	}
}

// TestSchemaNames: a jail cannot be called as it likes.
func TestSchemaNames(t *testing.T) {
	valid := validator(t)
	for _, name := range []string{"a", "Web-1.b_c", "0", ".a", "-a", "a/b", "a b", "", strings.Repeat("x", 64), strings.Repeat("x", 65), "ü"} {
		text, err := yaml.Marshal(map[string]any{"jails": map[string]any{name: nil}})
		if err != nil {
			t.Fatal(err)
		}
		want := storage.Name(name).Validate()
		if err := valid(string(text)); (err != nil) != (want != nil) {
			t.Errorf("%q: got %v, want %v", name, err, want)
		}
	}
}
