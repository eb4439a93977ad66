// Package bootstrap makes releases of Debian and Ubuntu from a mirror of their packages, by mmdebstrap or
// debootstrap, whichever is installed.
//
// It owns the choice of mirror, keyring and proxy, which are those of the host's apt, and the reading of
// what the programs say. It refuses to know packages: no list of them is read and nothing is unpacked
// here. The programs run in namespaces of their own where the host has unshare(1), end with the one who
// started them, and write only where the release is made and where downloaded packages are kept.
//
//	src := bootstrap.New("debian", "bookworm", bootstrap.Options{Cache: cache})
//	info, err := release.Import(driver, release.ImportOptions{Name: "debian-bookworm", Source: src}).Do(ctx)
package bootstrap
