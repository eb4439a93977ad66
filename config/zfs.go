package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
)

// ZFS is what properties need that are the file system's, too.
const ZFS = "ZFS"

// zfsPrefix begins the names of properties that are ZFS's, and have its names behind it.
const zfsPrefix = "zfs."

// OfZFS gives the name that ZFS has for a property which is the file system's, too. False: it is not.
func OfZFS(name string) (string, bool) {
	p, ok := Lookup(name)
	return strings.TrimPrefix(name, zfsPrefix), ok && p.Needs == ZFS
}

// zfsProperty is the property of ZFS that name, with the prefix, names. What ZFS makes of it is for ZFS to say.
func zfsProperty(name string) (Property, bool) {
	rest, ok := strings.CutPrefix(name, zfsPrefix)
	if !ok || rest == "" || strings.ContainsFunc(rest, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_.:-", c)
	}) || slices.Contains(strings.Split(rest, "."), "") || rest[0] == '-' {
		return Property{}, false
	}
	return Property{
		Name: name, Type: Text, Default: None, Needs: ZFS, Help: "ZFS's property " + rest + " of the jail's file system",
		Topic: topicFiles, Linux: Works, FreeBSD: Later, Lack: lackFreeBSD,
	}, true
}

// notForJails says why a property of ZFS is none of a jail's, as a phrase and what to do instead; empty: it may be.
func notForJails(name string) (why, remedy string) {
	switch base, _, _ := strings.Cut(name, "@"); base {
	case "quota", "reservation", "compression", "dedup":
		return "it is the property " + base, "write " + base + " without " + zfsPrefix
	case "available", "clones", "compressratio", "createtxg", "creation", "defer_destroy", "encryptionroot", "filesystem_count", "guid",
		"inconsistent", "ivsetguid", "keyguid", "keystatus", "logicalreferenced", "logicalused", "mounted", "name", "numclones", "objsetid",
		"origin", "prevsnap", "receive_resume_token", "redact_snaps", "redacted", "refcompressratio", "referenced", "snapshot_count",
		"snapshots_changed", "type", "unique", "used", "usedbychildren", "usedbydataset", "usedbyrefreservation", "usedbysnapshots",
		"userrefs", "written":
		return "ZFS reports it, and nobody can set it", ""
	case "casesensitivity", "encryption", "keyformat", "keylocation", "normalization", "pbkdf2iters", "utf8only", "volblocksize", "volsize":
		return "it is chosen when a file system is made, and a jail's is a clone of its release's", ""
	case "version":
		return "a file system that was upgraded cannot be made what it was", ""
	case "mountpoint", "canmount", "mlslabel":
		return "ioc says where a jail's files are mounted", ""
	case "readonly":
		return "the jail's configuration is kept in the same file system", "zfs set readonly=on of the jail's file system that ends in /root"
	case "jailed", "zoned":
		return "the host could not mount the jail's files then", ""
	}
	for _, prefix := range []string{"org.freebsd.ioc:", "org.freebsd.iocage:"} {
		if strings.HasPrefix(name, prefix) {
			return "ioc and libioc keep notes of their own there", ""
		}
	}
	return "", ""
}

// refuseZFS is the error of a property of ZFS that is none of a jail's.
func (p Property) refuseZFS() error {
	rest, ok := strings.CutPrefix(p.Name, zfsPrefix)
	if !ok {
		return nil
	}
	why, remedy := notForJails(rest)
	if why == "" {
		return nil
	}
	err := fault.New("property", fault.Invalid, p.Name, errors.New(why))
	if remedy != "" {
		err = err.WithRemedy(remedy)
	}
	return err
}

// CheckZFS refuses a value that would be taken for none at all: where that is a word of ZFS's own.
func CheckZFS(name, value string) error {
	if rest := strings.TrimPrefix(name, zfsPrefix); value == None && name != rest && (rest == "primarycache" || rest == "secondarycache") {
		return fault.New("property", fault.Invalid, name, fmt.Errorf("%q takes a property away, and this one has a value of that name", None)).
			WithRemedy("zfs set " + rest + "=none of the jail's file system, or write " + name + "= to take it away")
	}
	return nil
}
