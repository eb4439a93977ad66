// Package embedded carries the release that needs nothing: a small Linux userland inside ioc.
//
// It owns the root file system of that release: one static program that is shell and utilities in one
// (module userland), links to it by the names of its applets, and the few files of /etc that make them
// feel at home. It refuses to know how releases are stored and what becomes of the directory.
//
//	if err := embedded.Available(); err != nil { ... }
//	stats, err := embedded.Unpack(ctx, dir, nil)
//
// # Notes
//
// The program is built from the sources beside it, never kept in the repository: go generate compiles
// it for Linux on the architecture that is built for and compresses it into blob/, where go:embed finds it. A plain
// go build without that step works too; then [Available] says what to do. A committed text file beside
// it gives go:embed something to find before that.
//
// It is a program of its own and not ioc under another name, because what lies in a jail should be
// small, start in a millisecond and hold nothing of the manager outside; 3 MB of ioc pay for that.
//
// The bytes depend on the sources, the Go release and the architecture alone: no paths, no times, no
// build ids, no C compiler. [Version] is derived from them, so that a release that was unpacked by
// another ioc is known to be another one. Files have fixed times, modes and contents for the same
// reason; only the owner is the caller, or root if the caller is root, and links have the time at which
// they were made.
package embedded

// The generator runs here, whatever machine the program is for.
//
//go:generate env -u GOOS -u GOARCH go run gen.go $GOARCH
