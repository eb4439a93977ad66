package storage

import "slices"

// Root is what a jail's root file system is made of: a directory that is there, or an overlay to
// be mounted inside the jail's mount namespace. It is a value; nothing is held open by it.
type Root struct {
	Dir     string   // the root file system; empty: see Overlay
	Overlay *Overlay // nil if Dir is set
}

// Overlay is an overlay mount as a value. All paths are absolute. It must be mounted by at most one
// jail at a time, and only while the caller holds the lock of the jail: the kernel does not object
// to a second mount of the same upper directory, it corrupts it.
//
// It is to be mounted with index=off and metacopy=off, because file handles of layers do not stay the
// same, and with redirect_dir=nofollow, because a layer's marks are not to be trusted.
type Overlay struct {
	Lower     []string // newest first, at least one
	Upper     string
	Work      string // on the file system of Upper, and empty or used by Upper before
	UserXattr bool   // mount with userxattr: the layers were written by an unprivileged user
}

// Equal reports whether both are made of the same.
func (r Root) Equal(o Root) bool {
	if r.Dir != o.Dir || (r.Overlay == nil) != (o.Overlay == nil) {
		return false
	}
	if r.Overlay == nil {
		return true
	}
	a, b := r.Overlay, o.Overlay
	return a.Upper == b.Upper && a.Work == b.Work && a.UserXattr == b.UserXattr && slices.Equal(a.Lower, b.Lower)
}
