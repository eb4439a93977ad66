// Package selector chooses things by their names and properties: "web*", "boot=yes", "memoryuse>=1G".
//
// It owns the grammar and the comparison of values by their type. It refuses to know what is chosen
// from and which properties there are: a [Schema] tells the type of a key, a [Subject] its value, and
// neither reads anything here. It is pure: the same terms choose the same things.
//
// # Terms
//
//	web  web*  db+  tank/web        a name: * is any text, + at least one character; tank is a source
//	web,db                          one name or the other
//	!web  !test*                    any other name
//	ALL                             every name, as *
//	tag=shop  release=13.*          a value; patterns as in names
//	boot=yes,-                      one value or the other; "-", "none" and nothing mean that it is not set
//	state!=broken                   not that value
//	priority<5  memoryuse>=1G       by type: integers, sizes, seconds (90, 5m, 2h, 1d), dates (2026-11, in UTC)
//
// A backslash takes its meaning from the character after it: "\,", "\ ", "\*", "\+", "\\". A shell
// redirects at < and >, so such terms are quoted; and a shell that replaces "!web" leaves "name!=web" alone.
//
// # Several terms
//
// Names add up and everything else narrows down: a thing is chosen if it has one of the names, or no
// name was asked for, and if every other term is true of it. So "a b c" are three things, "a b boot=yes" are
// those of two that boot, "ALL !web" are all but one. In libioc, where all terms narrow down, two names could
// never choose anything; to narrow down a name, write it as a property: "name=web*" with "name=*-1".
//
// What is not set is neither less nor more than anything.
//
//	s, err := selector.Parse([]string{"web*", "boot=yes"}, schema) // or an *Error that says where
//	for _, jail := range jails {
//		if s.Match(jail) { ... }
//	}
//	s.Missing(jails) // names without a pattern that none of them has
package selector
