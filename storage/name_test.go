package storage_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		name     string
		ok       bool
		snapshot bool // also as a snapshot's name
	}{
		{"web", true, true},
		{"13.2-RELEASE", true, true},
		{"0", true, true},
		{"a_b.c-d", true, true},
		{"2026-11-22_10:00:00+1", false, true},
		{strings.Repeat("a", 64), true, true},
		{strings.Repeat("a", 65), false, false},
		{"", false, false},
		{".", false, false},
		{"..", false, false},
		{".hidden", false, false},
		{"-rf", false, false},
		{"_x", false, false},
		{"a/b", false, false},
		{"a@b", false, false},
		{"a b", false, false},
		{"a\nb", false, false},
		{"a\x00b", false, false},
		{"jäil", false, false},
	} {
		if err := storage.Name(tc.name).Validate(); (err == nil) != tc.ok {
			t.Errorf("Name(%q).Validate() = %v, want ok %v", tc.name, err, tc.ok)
		} else if err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("Name(%q).Validate() = %v, want fault.Invalid", tc.name, err)
		}
		if err := storage.SnapshotName(tc.name).Validate(); (err == nil) != tc.snapshot {
			t.Errorf("SnapshotName(%q).Validate() = %v, want ok %v", tc.name, err, tc.snapshot)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	type both struct {
		D storage.Dataset
		O storage.Origin
	}
	for _, want := range []both{
		{},
		{storage.Jail("web"), storage.Jail("web").At("before:1")},
		{storage.Release("embedded"), storage.Release("13.2-RELEASE").Now()},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got both
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s became %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{`"web"`, `"jails/"`, `"jails/.."`, `"jails/a/b"`, `"Jails/a"`, `"jails/a@"`, `"@x"`} {
		var o storage.Origin
		if err := json.Unmarshal([]byte(bad), &o); err == nil && o != (storage.Origin{}) {
			t.Errorf("origin %s was read as %v", bad, o)
		}
		var d storage.Dataset
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("dataset %s was read as %v", bad, d)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	many := make([]storage.Dataset, 12)
	for i := range many {
		many[i] = storage.Jail(storage.Name("j" + string(rune('a'+i))))
	}
	err := storage.InUse("destroy", storage.Release("r").Now(), many)
	if want := "destroy releases/r: used by jails/ja, jails/jb, jails/jc, jails/jd, jails/je, jails/jf, jails/jg, jails/jh, jails/ji, jails/jj and 2 more"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if by, ok := errors.AsType[*storage.UsersError](err); !ok || len(by.By) != 12 || !errors.Is(err, fault.Busy) {
		t.Errorf("%#v is no UsersError of kind Busy", err)
	}
	err = storage.HasNewer(storage.Jail("web").At("a"), []storage.SnapshotName{"b"})
	if want := "rollback jails/web@a: snapshot b is newer"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if len(fault.Remedies(err)) != 1 {
		t.Errorf("%v has no remedy", err)
	}
}
