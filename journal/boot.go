package journal

import (
	"bytes"
	"fmt"
)

// BootID tells one boot of the machine from the next. The zero BootID is that of an unknown boot, which is
// neither known to be the same as another nor to be a different one.
type BootID [16]byte

func (b BootID) known() bool { return b != BootID{} }

// is tells whether b and o are known to be the same boot.
func (b BootID) is(o BootID) bool { return b.known() && b == o }

// isNot tells whether b and o are known to be different boots, so that a reboot was between them.
func (b BootID) isNot(o BootID) bool {
	return b.known() && o.known() && b != o && !b.isTime() && !o.isTime()
}

// timeMark begins what ofTime makes; that an ID which a kernel drew begins so has a chance of 2^-64.
const timeMark = "00000000"

// ofTime stands in for the boot ID of a kernel that has none. A step of the clock moves the time of the
// boot, so that a different one proves nothing.
func ofTime(seconds int64) (b BootID) {
	if seconds > 0 {
		copy(b[:], fmt.Sprintf("%016x", seconds))
	}
	return b
}

func (b BootID) isTime() bool { return bytes.HasPrefix(b[:], []byte(timeMark)) }

// bootIDOf is what a record of recovery holds.
func bootIDOf(params []byte) (b BootID) {
	if len(params) == len(b) {
		b = BootID(params)
	}
	return b
}
