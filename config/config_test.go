package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		t        config.Type
		in, want string // want empty: refused
	}{
		{config.Bool, "on", "yes"},
		{config.Bool, "True", "yes"},
		{config.Bool, "0", "no"},
		{config.Bool, "maybe", ""},
		{config.Bool, "-", "none"},
		{config.Int, "-3", "-3"},
		{config.Int, "x", ""},
		{config.Size, "128m", "128M"},
		{config.Size, "131072", "128K"},
		{config.Size, "deny=1G/jail", "1G"},
		{config.Size, "1G:deny", "1G"},
		{config.Size, "1025", "1025"},
		{config.Size, "log=1G", ""},
		{config.Size, "1G/process", ""},
		{config.Size, "0", ""},
		{config.Size, "99999999T", ""},
		{config.Size, "M", ""},
		{config.Count, "100", "100"},
		{config.Count, "1K", ""},
		{config.Count, "none", "none"},
		{config.Seconds, "0", "0"},
		{config.Seconds, "-1", ""},
		{config.Seconds, "1e3", ""},
		{config.List, "a b,c", "a,b,c"},
		{config.List, " , ", "none"},
		{config.Hostname, "web.example.org", "web.example.org"},
		{config.Hostname, "-web", ""},
		{config.Hostname, "a..b", ""},
		{config.Hostname, strings.Repeat("a", 65), ""},
		{config.Text, "any thing\n", "any thing\n"},
		{config.Text, "a\x00b", ""},
	} {
		got, err := c.t.Canonical(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %q: got %q, %v; want %q", c.t, c.in, got, err, c.want)
		}
		if err == nil {
			if again, err := c.t.Canonical(got); again != got || err != nil {
				t.Errorf("%s %q: its canonical form %q gives %q, %v", c.t, c.in, got, again, err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   fault.Kind
		remedy string
	}{
		{"memoryuse", fault.Unknown, ""},
		{"user.owner", fault.Unknown, ""},
		{"user.a.b-c", fault.Unknown, ""},
		{"memoryus", fault.Invalid, "did you mean memoryuse?"},
		{"memroyuse", fault.Invalid, "did you mean memoryuse?"},
		{"hostname", fault.Invalid, ""},
		{"zzzzzzzzzz", fault.Invalid, ""},
		{"user.", fault.Invalid, ""},
		{"user.a b", fault.Invalid, ""},
		{"name", fault.Invalid, "rename the jail"},
		{"hostid_strict_check", fault.NotSupported, ""},
		{"em0_mac", fault.Unknown, ""},
		{"em0_mtu", fault.Unknown, ""},
		{"allow_mlock", fault.NotSupported, ""},
		{"vnte", fault.Invalid, "did you mean vnet?"},
		{"a.b_mac", fault.Invalid, ""},
	} {
		p, err := config.Find(c.name)
		switch {
		case c.kind == fault.Unknown:
			if err != nil || p.Name != c.name {
				t.Errorf("Find(%q): got %v, %v", c.name, p, err)
			}
		case !errors.Is(err, c.kind):
			t.Errorf("Find(%q): got %v, want %v", c.name, err, c.kind)
		case c.remedy != "" && !slices.Equal(fault.Remedies(err), []string{c.remedy}):
			t.Errorf("Find(%q): remedies %q, want %q", c.name, fault.Remedies(err), c.remedy)
		}
	}
}

// TestTable holds the table against itself.
func TestTable(t *testing.T) {
	all := config.Known()
	if !slices.IsSortedFunc(all, func(a, b config.Property) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not in the order of its names")
	}
	for _, p := range all {
		if v, err := p.Type.Canonical(p.Default); err != nil || v != p.Default {
			t.Errorf("%s: default %q is written down as %q, %v", p.Name, p.Default, v, err)
		}
		if p.Help == "" || !slices.Contains(config.Topics(), p.Topic) {
			t.Errorf("%s: no help, or no topic", p.Name)
		}
		if lacks := p.Linux != config.Works || p.FreeBSD != config.Works; lacks != (p.Lack != "") {
			t.Errorf("%s: Linux %s, FreeBSD %s: %q", p.Name, p.Linux, p.FreeBSD, p.Lack)
		}
		if _, err := config.Find(p.Name); (err == nil) != p.Works() {
			t.Errorf("Find(%q): got %v, and it works: %v", p.Name, err, p.Works())
		}
	}
}

const libiocFile = `{
    "basejail": "no",
    "host_hostuuid": "d1c0ffee-0000-11ee-8000-000000000000",
    "ip4_addr": "em0|10.0.0.2/24",
    "release": "13.2-RELEASE",
    "user": {
        "deep": {
            "er": "<x>"
        },
        "owner": "me"
    }
}
`

func TestDataKeepsWhatItFinds(t *testing.T) {
	d, err := config.Parse([]byte(libiocFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(d.Encode()); got != libiocFile {
		t.Errorf("got %s, want what was parsed", got)
	}
	if v, ok := d.Get("user.deep.er"); v != "<x>" || !ok {
		t.Errorf("user.deep.er: got %q, %v", v, ok)
	}
	if _, ok := d.Get("user"); ok {
		t.Error("user: got a value for an object")
	}
	c := d.Clone()
	if err := c.Set("user.deep.other", "1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("user.owner.first", "1"); !errors.Is(err, fault.Invalid) {
		t.Errorf("through a value: got %v", err)
	}
	if err := c.Set("user.deep", "1"); !errors.Is(err, fault.Invalid) {
		t.Errorf("over an object: got %v", err)
	}
	c.Unset("user.deep.er")
	c.Unset("user.deep.other")
	want := []string{"basejail", "host_hostuuid", "ip4_addr", "release", "user.owner"}
	if got := c.Keys(); !slices.Equal(got, want) {
		t.Errorf("keys: got %q, want %q", got, want)
	}
	if got := string(d.Encode()); got != libiocFile {
		t.Errorf("the original changed with its copy: %s", got)
	}
}

func TestParseForeignScalars(t *testing.T) {
	d, err := config.Parse([]byte(`{"boot": true, "priority": 12345678901234567890, "tags": ["a", "b"], "notes": null, "user.x": "y"}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"boot": "yes", "priority": "12345678901234567890", "tags": "a,b", "notes": "none", "user.x": "y"} {
		if got, ok := d.Get(key); got != want || !ok {
			t.Errorf("%s: got %q, %v; want %q", key, got, ok, want)
		}
	}
	for _, bad := range []string{``, `[]`, `null`, `{} {}`, `{"a":`, `"x"`} {
		if _, err := config.Parse([]byte(bad)); !errors.Is(err, fault.Corrupt) {
			t.Errorf("Parse(%q): got %v", bad, err)
		}
	}
}

func TestResolve(t *testing.T) {
	p, err := config.Find("stop_timeout")
	if err != nil {
		t.Fatal(err)
	}
	data := func(v string) *config.Data {
		var d config.Data
		if err := d.Set(p.Name, v); err != nil {
			t.Fatal(err)
		}
		return &d
	}
	for _, c := range []struct {
		own, defaults *config.Data
		want          string
		from          config.From
	}{
		{nil, nil, "30", config.BuiltIn},
		{data("none"), data("-"), "30", config.BuiltIn},
		{nil, data("7"), "7", config.Default},
		{data("none"), data("7"), "7", config.Default},
		{data("5"), data("7"), "5", config.Own},
	} {
		if v, from := config.Resolve(p, c.own, c.defaults); v != c.want || from != c.from {
			t.Errorf("Resolve: got %q, %s; want %q, %s", v, from, c.want, c.from)
		}
	}
}

func TestParseSaysWhere(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "config.json:1:1: the file ends too early"},
		{"{\n  \"a\": 1,\n}", "config.json:3:1: invalid character '}' looking for beginning of object key string"},
		{"{\"ä\": x}", "config.json:1:7: invalid character 'x' looking for beginning of value"},
		{"\n []", "config.json:2:2: it is not an object"},
		{"{\n\"a\": {\"b\": 1,\n  \"b\": 2}}", "config.json:3:3: \"b\" is there twice"},
		{"{\"a\": \"\xff\"}", "config.json:1:8: it is not UTF-8"},
		{"{\"a\":", "config.json:1:5: the file ends too early"},
		{"{} {}", "config.json:1:4: invalid character '{' after top-level value"},
	} {
		if _, err := config.Parse([]byte(c.file)); err == nil || err.Error() != c.want || !errors.Is(err, fault.Corrupt) {
			t.Errorf("Parse(%q): got %v, want %s", c.file, err, c.want)
		}
	}
	d, err := config.ParseDefaults([]byte("{\n  \"boot\": \"maybe\", \"memroyuse\": \"1G\",\n \"user\": {\"x\": 1}, \"vnet\": \"yes\", \"id\": \"web\"\n}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Where("user.x"); got != "defaults.json:3:11" {
		t.Errorf("Where: got %s", got)
	}
	var got []string
	for _, err := range d.Check() {
		got = append(got, err.Error())
	}
	want := []string{
		`defaults.json:2:3: property boot: "maybe" is neither yes nor no`,
		`defaults.json:2:20: property memroyuse: there is none of that name`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("Check: got %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(libiocFile))
	f.Add([]byte(`{"a\\"\u00e9\ud800":"\\\\","t":true,"f":false,"n":null,"x":-1.5e3,"l":[],"o":{}}`))
	f.Add([]byte(`{"a.b":"c","a":{"b":[1,{"x":null}]}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		d, err := config.Parse(file)
		if err != nil {
			return
		}
		var want map[string]any
		dec := json.NewDecoder(bytes.NewReader(file))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil || !reflect.DeepEqual(d.Root(), want) {
			t.Errorf("%s: got %v, want %v, %v", file, d.Root(), want, err)
		}
		again, err := config.Parse(d.Encode())
		if err != nil {
			t.Fatalf("%s: what was written cannot be read: %v", d.Encode(), err)
		}
		for _, key := range d.Keys() {
			d.Where(key)
		}
		d.Check()
		if a, b := string(d.Encode()), string(again.Encode()); a != b {
			t.Errorf("first %s, then %s", a, b)
		}
	})
}
