// Package published gets systems that are published as archives together with an index that says what they
// are: Alpine's minirootfs, the images of a simplestreams server such as linuxcontainers.org, and the
// distribution sets of FreeBSD and HardenedBSD.
//
// It owns the layouts of those servers and their index formats, which say of each archive where it is, its
// size and its digest. It refuses to know how a file is downloaded (internal/download) and how archives become
// files (package release). Indexes are believed because of where they come from, over https; archives
// because of the index.
//
//	src, err := published.New("alpine/3.21", published.Options{Cache: cache})
//	if err != nil {
//		return err // no address
//	}
//	info, err := release.Import(driver, release.ImportOptions{Name: "alpine-3.21", Source: src}).Do(ctx)
package published
