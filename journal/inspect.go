package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/libioc/ioc/doctor"
)

// Inspect finds what dead runs left, records that cannot be read, and a journal that is nearly full.
func (j *Journal) Inspect(context.Context) ([]doctor.Finding, error) {
	var found []doctor.Finding
	var failed []error
	for dead, err := range j.Pending() {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		id := dead.Run.ID.String()
		if dead.Key != "" {
			id = dead.Key
		}
		f := doctor.Finding{
			Kind: "run.residue", Subject: id, Class: doctor.Damage,
			Text:     fmt.Sprintf("%s, of pid %d, was broken off", dead.Root, dead.Run.PID),
			Proof:    fmt.Sprintf("its record in the journal has things that are not undone (%d), and its process is gone", len(dead.Pending)),
			Remedy:   "undo them, or finish what was decided",
			Recovery: true,
		}
		var left []string
		for _, r := range dead.Pending {
			if r.Err != nil {
				left = append(left, r.String())
			}
		}
		if len(left) > 0 {
			f.Text += ", and could not be cleared: " + strings.Join(left, "; ")
			f.Remedy = "try again; if it stays, deal with it by hand: ioc recover --resolve " + id
		}
		if dead.Corrupt != nil {
			f.Kind, f.Recovery = "run.corrupt", false
			f.Text += ", and its record is corrupt: " + dead.Corrupt.Error()
			f.Proof = "its checksums do not match, so nothing of it is done"
			f.Remedy = "look for what it left, then: ioc recover --resolve " + id
		}
		found = append(found, f)
	}
	slots, err := j.slots()
	if n := len(slots); err == nil && n*10 >= j.opts.Slots*9 {
		found = append(found, doctor.Finding{
			Kind: "journal.full", Subject: "journal", Class: doctor.Damage,
			Text:   fmt.Sprintf("%d of %d slots of the journal are taken", n, j.opts.Slots),
			Proof:  "when all are, no operation can begin",
			Remedy: "wait for what runs, and clear what is broken off: ioc recover",
		})
	}
	return found, errors.Join(append(failed, err)...)
}
