//go:build !linux

package all

// The places of a host that was not told others.
const (
	SystemRoot = "/var/db/ioc"
	SystemRun  = "/var/run/ioc"
)

// System is the back end of this operating system. There is none yet that runs jails here: it is
// the one in memory, so that every operation can be tried and nothing happens.
func System(Places) (Backend, error) { return Memory(), nil }
