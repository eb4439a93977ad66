package selector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/selector"
)

// thing is what tests choose from: its name, and what else is known of it.
type thing map[string]string

func (t thing) Identity() (source, name string) { return t["source"], t["name"] }
func (t thing) Value(key string) string         { return t[key] }

func schema(key string) (selector.Kind, error) {
	kinds := map[string]selector.Kind{
		"name": selector.Text, "notes": selector.Text, "release": selector.Text, "state": selector.Text,
		"boot": selector.Bool, "tag": selector.List, "priority": selector.Integer, "memoryuse": selector.Size,
		"stop_timeout": selector.Seconds, "created": selector.Date, "user.n": selector.Free,
	}
	k, ok := kinds[key]
	if !ok {
		return 0, errNoKey
	}
	return k, nil
}

var errNoKey = errors.New("there is no such key")

func things() []thing {
	return []thing{
		{
			"source": "ioc", "name": "web", "boot": "yes", "tag": "shop,front", "priority": "5", "memoryuse": "1G", "state": "running",
			"stop_timeout": "90", "created": "2026-11-28T15:04:05Z", "user.n": "7", "notes": "a, b", "release": "13.2-RELEASE",
		},
		{
			"source": "ioc", "name": "web-2", "boot": "no", "tag": "none", "priority": "-1", "memoryuse": "none", "state": "stopped",
			"created": "2026-01-02T03:04:05Z", "user.n": "many", "notes": "none", "release": "14.0-RELEASE",
		},
		{"source": "tank", "name": "db", "state": "broken", "priority": "0", "memoryuse": "512M", "notes": "1*1"},
		{"source": "tank", "name": "5b2c1a0e-1111-2222-3333-444455556666"},
	}
}

func TestMatch(t *testing.T) {
	const id = "5b2c1a0e-1111-2222-3333-444455556666"
	for _, test := range []struct{ terms, want string }{
		{"", "web web-2 db " + id},
		{"web", "web"},
		{"web db", "web db"},
		{"web,db", "web db"},
		{"web*", "web web-2"},
		{"web+", "web-2"},
		{"*", "web web-2 db " + id},
		{"ALL", "web web-2 db " + id},
		{`\ALL`, ""},
		{"*b*2", "web-2"},
		{"tank/*", "db " + id},
		{"t+/db", "db"},
		{"ioc/db", ""},
		{"5b2c1a0e", id},
		{"5b2c1a0f", ""},
		{"!web", "web-2 db " + id},
		{"!web,db", "web-2 " + id},
		{"ALL !web*", "db " + id},
		{"web* boot=yes", "web"},
		{"web db boot=yes", "web"},
		{"name=web* name=*-2", "web-2"},
		{"name!=web", "web-2 db " + id},
		{"boot=on", "web"},
		{"boot=-", "db " + id},
		{"boot=no,-", "web-2 db " + id},
		{"boot=no,", "web-2 db " + id},
		{"boot!=yes", "web-2 db " + id},
		{"tag=shop", "web"},
		{"tag=front", "web"},
		{"tag=shop,front", "web"},
		{"tag=sho", ""},
		{"tag=none", "web-2 db " + id},
		{"priority<5", "web-2 db"},
		{"priority<=5", "web web-2 db"},
		{"priority>-1", "web db"},
		{"priority>=0", "web db"},
		{"priority=05", "web"},
		{"priority=5,0", "web db"},
		{"priority!=5", "web-2 db " + id},
		{"priority=-1", "web-2"},
		{"memoryuse>=1G", "web"},
		{"memoryuse=1024m", "web"},
		{"memoryuse<1G", "db"},
		{"memoryuse=-", "web-2 " + id},
		{"memoryuse=1*", "web"},
		{"stop_timeout>1m", "web"},
		{"stop_timeout=90s", "web"},
		{"created>=2026-11", "web"},
		{"created=2026", "web web-2"},
		{"created<2026-11-28T15", "web-2"},
		{"created>2026-11-28", ""},
		{"user.n>6", "web"},
		{"user.n=many", "web-2"},
		{"user.n!=-", "web web-2"},
		{`notes=a\,_b`, "web"},
		{`notes=a\,\_b`, "web"},
		{`notes=1\*1`, "db"},
		{"notes=1*", "db"},
		{"release=13.*,14.*", "web web-2"},
		{"state!=broken,stopped", "web " + id},
	} {
		t.Run(test.terms, func(t *testing.T) {
			terms := strings.Fields(test.terms)
			for i := range terms {
				terms[i] = strings.ReplaceAll(terms[i], "_b", " b")
			}
			s, err := selector.Parse(terms, schema)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range things() {
				if s.Match(c) {
					got = append(got, c["name"])
				}
			}
			if want := strings.Fields(test.want); !slices.Equal(got, want) {
				t.Errorf("Parse(%q) chooses %q, want %q", terms, got, want)
			}
		})
	}
}

func TestError(t *testing.T) {
	for _, test := range []struct {
		term   string
		column int
		reason string
		remedy string
	}{
		{"", 1, "the term is empty", ""},
		{"=x", 1, "there is no key before =", "write KEY=VALUE"},
		{"a b=x", 2, "' ' is not part of a key", "put a backslash before the = if it is part of a name"},
		{"boot==yes", 6, "there is one = too many", "write boot=VALUE"},
		{"!boot=yes", 1, "what is excluded by ! is a name", "write KEY!=VALUE"},
		{"boot=maybe", 6, "maybe is neither yes nor no", "write yes or no"},
		{"boot=yes,maybe", 10, "maybe is neither yes nor no", "write yes or no"},
		{"boot<yes", 5, "boot is yes or no, which has no order", "use = or !="},
		{"notes>x", 6, "notes is text, which has no order", "use = or !="},
		{"name<x", 5, "names have no order: use = or !=", ""},
		{"priority<5,6", 9, "< compares with one value", ""},
		{"priority<", 9, "< compares with a value", ""},
		{"priority<1*", 10, "< compares with a value", ""},
		{"priority=soon", 10, "soon is not a whole number", "write a whole number"},
		{"user.n>x", 8, "x is not a whole number", "write a whole number"},
		{"memoryuse>=1X", 12, "1X is not a size", "write it as 512M or 1G"},
		{"memoryuse>99999999999T", 11, "99999999999T is not a size", "write it as 512M or 1G"},
		{"stop_timeout<1w", 14, "1w is not a number of seconds", "write it as 90, 5m or 2h"},
		{"created>2026-1", 9, "2026-1 is not a date", "write it as 2026-11-28 or 2026-11-28T15:04"},
		{"web,", 5, "there is no name", "write NAME or SOURCE/NAME"},
		{"!", 2, "there is no name", "write NAME or SOURCE/NAME"},
		{"-", 1, "there is no name", "write NAME or SOURCE/NAME"},
		{"a/b/c", 1, "there is more than one /", "write NAME or SOURCE/NAME"},
		{"ö,/c", 3, "the name or its source is empty", "write NAME or SOURCE/NAME"},
		{`web\`, 4, "nothing follows the backslash", `write \\ for a backslash`},
		{"nokey=x", 1, "", ""},
	} {
		t.Run(test.term, func(t *testing.T) {
			_, err := selector.Parse([]string{"web", test.term}, schema)
			e, ok := errors.AsType[*selector.Error](err)
			if !ok {
				t.Fatalf("Parse(%q): got %v", test.term, err)
			}
			if e.Term != test.term || e.Column != test.column || e.Reason != test.reason || e.Remedy != test.remedy {
				t.Errorf("Parse(%q): got %+v, want %+v", test.term, *e, test)
			}
			if test.reason == "" && !errors.Is(err, errNoKey) {
				t.Errorf("Parse(%q): got %v, want the schema's error", test.term, err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		terms, names string
		only         bool
		missing      string
	}{
		{"", "", false, ""},
		{"web db web", "web db", true, ""},
		{"web,wbe boot=yes", "web wbe", true, "wbe"},
		{"web*", "", false, ""},
		{"web w*", "web", false, ""},
		{"ALL", "", false, ""},
		{"ioc/web", "", false, ""},
		{"ioc/db", "", false, "ioc/db"},
		{"i*/db,no/web", "", false, "db no/web"},
		{"deadbeef", "", false, "deadbeef"},
		{"frontend", "frontend", true, "frontend"},
		{"ALL !wbe", "", false, "wbe"},
		{"boot=yes", "", false, ""},
		{"name=wbe", "", false, "wbe"},
		{"web boot=no", "web", true, ""},
	} {
		t.Run(test.terms, func(t *testing.T) {
			s, err := selector.Parse(strings.Fields(test.terms), schema)
			if err != nil {
				t.Fatal(err)
			}
			names, only := s.Names()
			if !slices.Equal(names, strings.Fields(test.names)) || only != test.only {
				t.Errorf("Names: got %q, %v; want %q, %v", names, only, test.names, test.only)
			}
			var all []selector.Subject
			for _, c := range things() {
				all = append(all, c)
			}
			if got := s.Missing(all); !slices.Equal(got, strings.Fields(test.missing)) {
				t.Errorf("Missing: got %q, want %q", got, test.missing)
			}
		})
	}
}

func TestFields(t *testing.T) {
	got := selector.Fields(` web  notes=a\ b,c` + "\n" + `db\\ x\,y `)
	want := []string{"web", `notes=a\ b,c`, `db\\`, `x\,y`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzParse wants every term to be read or refused with a place in it, a reason, and nothing to panic;
// and a term and its negation to choose all things between them.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"web", "!web", "a/b*", "boot=yes,-", "priority<5", "memoryuse>=1G", "created>2026-11", `notes=a\,b\ c`, "tag!=x",
		"ALL", `\`, "=", "a==b", "!a=b", "5b2c1a0e", "user.n>-7", "stop_timeout<2h", "*+*+*+", "\xff,ö=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := selector.Parse([]string{text}, schema)
		if err != nil {
			e, ok := errors.AsType[*selector.Error](err)
			if !ok || e.Term != text || e.Column < 1 || e.Column > len([]rune(text))+1 || e.Reason == "" && e.Cause == nil {
				t.Fatalf("Parse(%q): %+v", text, err)
			}
			return
		}
		s.Names()
		opposite, negated := "!"+text, false
		if key, value, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(key, `!<>\`) {
			opposite, negated = key+"!="+value, true
		} else if !strings.ContainsAny(text, "=<>!") {
			negated = true
		}
		if !negated {
			return
		}
		not, err := selector.Parse([]string{opposite}, schema)
		if err != nil {
			t.Fatalf("Parse(%q), but Parse(%q): %v", text, opposite, err)
		}
		for _, c := range things() {
			if s.Match(c) == not.Match(c) {
				t.Errorf("%q and %q are both %v of %v", text, opposite, s.Match(c), c)
			}
		}
	})
}

// TestPatternIsBounded would not end if a pattern were tried in all ways.
func TestPatternIsBounded(t *testing.T) {
	s, err := selector.Parse([]string{strings.Repeat("a*", 200) + "b"}, schema)
	if err != nil {
		t.Fatal(err)
	}
	if s.Match(thing{"name": strings.Repeat("a", 5000)}) {
		t.Error("it matches")
	}
}
