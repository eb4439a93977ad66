// Package download gets files over HTTP into a directory, and goes on where it was broken off.
//
// It owns a [Cache]: what lies in its directory is either complete and as its digest says, or the
// beginning of a file with what is needed to get the rest. An error, an interrupt and a kill leave
// nothing else, so a download has nothing to undo; whoever wants the room removes what nobody
// downloads, with [Cache.Prune]. Two downloads of one file at once, also in two processes, are one:
// the second watches the first.
//
// It refuses to know what is in a file and what it is for.
//
//	path, err := cache.Get(s, download.Request{URL: "https://example.org/base.txz", SHA256: "9f86d0..."})
package download
