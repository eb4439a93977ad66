package journal

import (
	"errors"

	"github.com/libioc/ioc/fault"
)

// lockPrior gives what is kept under the key already if the run may add to it, locked against a
// release; nil if nothing is. It is an error if the key is not the run's to take.
func (p *prepared) lockPrior(j *Journal, h *header, extend bool) (*heldFile, error) {
	for range 100 { // a release may end at the same time
		t, again, err := j.takeFile("retain", p.key, "", lockSoon)
		if again {
			continue
		}
		if err != nil {
			return nil, err
		}
		if t == nil {
			break
		}
		p.prior = t
		switch {
		case !extend && t.img.h.by != h.run && t.img.h.run != h.run && len(t.left) > 0:
			return nil, t.occupied()
		case len(t.left) == 0 || t.img.h.boot.isNot(h.boot) && !extend:
			return nil, nil //nolint:nilnil // a reboot took it away
		case t.img.h.boot.isNot(h.boot):
			return nil, fault.New("extend", fault.NotFound, p.key, errors.New("the machine was rebooted since it was retained"))
		}
		return &t.heldFile, nil
	}
	out, ok, err := j.readHeld(p.key, suffixOut)
	switch {
	case err != nil:
		return nil, err
	case ok && (out.Corrupt != nil || len(out.left) > 0):
		return nil, out.occupied()
	case extend:
		return nil, fault.New("extend", fault.NotFound, p.key, errors.New("nothing is retained under it"))
	}
	return nil, nil //nolint:nilnil // nothing is an answer
}

// occupied is why nothing else can be retained under h's key.
func (h *heldFile) occupied() error {
	why := "effects of " + h.Root + " are retained under it"
	if h.Releasing {
		why += " and are being released"
	}
	return fault.New("retain", fault.Exists, h.Key, errors.New(why))
}
