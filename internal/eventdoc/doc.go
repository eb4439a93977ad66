// Package eventdoc makes docs/events.md: every type of event that ioc has, with what is known of it, read from the
// sources and their comments. It owns the list of all payload types, which its tests hold against the
// sources, and has nothing for anybody to import.
//
// A payload that is new gets its line in catalogue_test.go, or in the file for its system, and make gen.
package eventdoc

//go:generate go test -count=1 -run ^TestDocument$ -update .
