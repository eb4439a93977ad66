package ioc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/jail"
)

func TestSelect(t *testing.T) {
	h := newHost(t, ioc.Options{})
	for name, properties := range map[string]map[string]string{
		"web":   {"boot": "yes", "memoryuse": "1G", "tags": "shop", "user.owner": "me"},
		"web-2": {"priority": "-5", "template": "yes"},
		"db":    {"notes": "a, b"},
	} {
		must(t, h.JailGenerator(name).Create(ioc.CreateOptions{Properties: properties}))
	}
	must(t, h.JailGenerator("web").Start())
	h.write(t, "db", "config.json", `{"release": "embedded", "vnet": "yes", "notes": "a, b"}`)
	for _, test := range []struct {
		terms []string
		want  string
	}{
		{nil, "db web web-2"},
		{[]string{"web", "db", "web"}, "db web"},
		{[]string{"ALL"}, "db web web-2"},
		{[]string{"w*"}, "web web-2"},
		{[]string{"x*"}, ""},
		{[]string{"web", "running=no"}, ""},
		{[]string{"running=yes"}, "web"},
		{[]string{"state=stopped"}, "db web-2"},
		{[]string{"boot=no"}, "db web-2"},
		{[]string{"template=no,-"}, "db web"},
		{[]string{"tag=shop"}, "web"},
		{[]string{"tags=shop"}, "web"},
		{[]string{"user.owner=me"}, "web"},
		{[]string{"priority<0"}, "web-2"},
		{[]string{"priority=0"}, "db web"},
		{[]string{"memoryuse>512M"}, "web"},
		{[]string{"release=embedded", "!web*"}, "db"},
		{[]string{"vnet=yes"}, "db"},
		{[]string{"notes=a, b"}, ""},
		{[]string{`notes=a\, b`}, "db"},
		{[]string{"created>2000", "source=ioc", "name=*2"}, "web-2"},
		{[]string{"ioc/web"}, "web"},
		{[]string{"started=-"}, "db web-2"},
	} {
		t.Run(strings.Join(test.terms, "_"), func(t *testing.T) {
			all, err := h.Select(t.Context(), test.terms)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range all {
				got = append(got, string(i.Name))
			}
			if want := strings.Fields(test.want); !slices.Equal(got, want) {
				t.Errorf("Select(%q): got %q, want %q", test.terms, got, want)
			}
		})
	}
	for _, test := range []struct {
		terms  string
		kind   fault.Kind
		text   string
		remedy string
	}{
		{"wbe", fault.NotFound, "jail wbe: not found", "did you mean web?"},
		{"web zzzzzzzzz", fault.NotFound, "jail zzzzzzzzz: not found", ""},
		{"ALL !wbe", fault.NotFound, "jail wbe: not found", "did you mean web?"},
		{"../etc", fault.NotFound, "jail ../etc: not found", ""},
		{"memroyuse>1", fault.Invalid, `select: "memroyuse>1", character 1: property memroyuse: there is none of that name`, "did you mean memoryuse?"},
		{"runing=yes", fault.Invalid, `select: "runing=yes", character 1: property runing: there is none of that name`, "did you mean running?"},
		{"boot=maybe", fault.Invalid, `select: "boot=maybe", character 6: maybe is neither yes nor no`, "write yes or no"},
	} {
		_, err := h.Select(t.Context(), strings.Fields(test.terms))
		var remedy string
		if all := fault.Remedies(err); len(all) > 0 {
			remedy = all[0]
		}
		if !errors.Is(err, test.kind) || err.Error() != test.text || remedy != test.remedy {
			t.Errorf("Select(%q): got %v, %q; want %v: %s, %q", test.terms, err, remedy, test.kind, test.text, test.remedy)
		}
	}
}

// TestAttributes holds the two kinds of keys apart and in order.
func TestAttributes(t *testing.T) {
	all := jail.Attributes()
	if !slices.IsSortedFunc(all, func(a, b jail.Attribute) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("they are not in the order of their names")
	}
	var i jail.Info
	for _, a := range all {
		if a.Help == "" {
			t.Errorf("%s: no help", a.Name)
		}
		if a.Name != "source" && i.Value(a.Name) != "" && i.Value(a.Name) != "no" {
			t.Errorf("%s of nothing: got %q", a.Name, i.Value(a.Name))
		}
		if _, ok := config.Lookup(a.Name); ok {
			t.Errorf("%s is a property, too", a.Name)
		}
	}
}
