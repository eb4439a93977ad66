// Package networktest has the tests that every network driver passes.
//
// It owns what the contract promises whatever the mechanism: who has an address has it alone, undone twice is undone,
// another process can undo what it reads in a journal, and nothing is left. It refuses to send packets: what a kernel
// does with an interface is for the driver's own tests.
package networktest
