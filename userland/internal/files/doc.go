// Package files holds the applets that work on files and directories: their names, places, owners, modes
// and times. It knows Linux's file calls, and nothing of processes or networks.
package files
