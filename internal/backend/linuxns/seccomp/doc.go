// Package seccomp makes the filter of system calls that a jail's processes run under.
//
// It owns which calls are allowed and how that becomes a program for the kernel. The policy is the
// default profile that OCI runtimes share: what is not listed is denied, calls that a capability makes
// safe to allow are allowed with that capability. It refuses to load anything: [Compile] returns bytes.
//
//	filter := seccomp.Compile([]string{"CHOWN", "KILL"})
//
// Three answers are possible besides "allowed". A call that is known and denied gets EPERM. A number
// that is newer than the profile gets ENOSYS, because a C library that meets EPERM from a call it only
// probes for gives up instead of falling back; clone3 gets ENOSYS for the same reason: its flags are
// behind a pointer, where a filter cannot look. A call made through another architecture's entry gets
// ENOSYS too, whatever its number.
//
// The kernel runs the filter at each call the first time, and once for every possible number when it is
// loaded. So the program is a binary search over ranges of numbers instead of the usual chain of
// comparisons; compiling one takes microseconds and needs no cache.
package seccomp
