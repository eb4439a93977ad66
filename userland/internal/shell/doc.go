// Package shell is the command interpreter of the userland.
package shell
