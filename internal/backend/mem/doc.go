// Package mem is a world that lives in memory: storage for dry runs, demonstrations and tests, on
// every operating system.
//
// It owns the same behaviour as a driver that keeps something, and passes the same suites. Effects
// on it are undone by whoever has the World: Register binds decoded ones to it. Of a file's content
// it keeps the size and the digest, so that a whole system can be imported into it to see whether it
// could be.
//
// It refuses to survive the process, and to touch anything outside.
package mem
