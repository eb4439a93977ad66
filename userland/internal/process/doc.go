// Package process holds the applets that show and change the running system: processes, users, mounts,
// times, terminals. It knows Linux's /proc and system calls, and nothing of networks.
package process
