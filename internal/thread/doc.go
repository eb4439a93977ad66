// Package thread lets a part of a program be somewhere else: in another namespace, or another user.
//
// It owns that nobody else is there by accident: no other goroutine gets the thread, and the process's first one, whose
// namespaces are those that others see of the process, stays where it was. It refuses to know where one goes.
package thread
