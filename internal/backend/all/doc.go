// Package all lists the back ends and knows which of them an operating system has.
//
// It owns that choice and the places where a system keeps such things. It refuses to do anything with a
// back end: who asks for one gets a [Backend] and all that the registry must know of it.
package all
