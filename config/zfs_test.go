package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
)

func TestPropertiesOfZFS(t *testing.T) {
	for _, tc := range []struct{ name, why string }{
		{"zfs.atime", ""},
		{"zfs.com.sun:auto-snapshot", ""},
		{"zfs.refquota", ""},
		{"zfs.unheard_of", ""}, // ZFS says so
		{"zfs.quota", "it is the property quota"},
		{"zfs.mountpoint", "where a jail's files are mounted"},
		{"zfs.canmount", "where a jail's files are mounted"},
		{"zfs.readonly", "the jail's configuration"},
		{"zfs.jailed", "could not mount"},
		{"zfs.zoned", "could not mount"},
		{"zfs.guid", "nobody can set it"},
		{"zfs.usedbysnapshots", "nobody can set it"},
		{"zfs.written@before", "there is none of that name"}, // no name of a key
		{"zfs.version", "cannot be made what it was"},
		{"zfs.utf8only", "a clone of its release's"},
		{"zfs.org.freebsd.ioc:id", "notes of their own"},
		{"zfs.", "there is none of that name"},
		{"zfs.-r", "there is none of that name"},
		{"zfs.a..b", "there is none of that name"},
		{"zfs.Atime", "there is none of that name"},
	} {
		p, err := config.Find(tc.name)
		switch {
		case tc.why == "" && (err != nil || p.Needs != config.ZFS):
			t.Errorf("%s: %+v, %v", tc.name, p, err)
		case tc.why != "" && (!errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.why)):
			t.Errorf("%s: %v, want that %q", tc.name, err, tc.why)
		}
	}
	for name, want := range map[string]string{"zfs.atime": "atime", "quota": "quota", "notes": "", "zfs.com.sun:x": "com.sun:x"} {
		if got, ok := config.OfZFS(name); ok != (want != "") || ok && got != want {
			t.Errorf("OfZFS(%q) = %q, %t", name, got, ok)
		}
	}
	for name, ok := range map[string]bool{"zfs.primarycache": false, "zfs.secondarycache": false, "zfs.refquota": true, "notes": true, "primarycache": true} {
		if err := config.CheckZFS(name, config.None); (err == nil) != ok {
			t.Errorf("CheckZFS(%q, none): %v", name, err)
		}
	}
}
