// Package release knows base systems: what a release is, where it comes from, and how it gets into
// storage complete or not at all.
//
// It owns release.json, the operations Import and Destroy, and the reading of root file system
// archives that nobody vouches for: what names and kinds of files are let in, and how much of them.
// It refuses to know how files are stored (a storage.Tree takes them and keeps them inside), what a
// jail does with a release, and who else is at work: the caller holds the lock of the release.
//
//	info, err := release.Import(driver, release.ImportOptions{
//		Name: "bookworm", Source: release.File("bookworm.tar.zst"), SHA256: "9f86d0...",
//	}).Do(ctx)
package release
