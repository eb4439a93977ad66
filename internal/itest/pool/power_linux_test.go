package pool

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
)

// powerThin are the scenarios whose power is cut in an ordinary run.
const powerThin = "create tune"

// nothing is what counts for nothing: the file of a jail that is being made as soon as it is made, and empty directories to mount
// at. Who removes them makes sure of that, but zfs-fuse does nothing when it is told to sync a directory.
var nothing = regexp.MustCompile(`(?m)^(jails|releases) "[^"]*(/\.making" -.*|" drwxr-xr-x .*)\n`)

// TestPowerCut ends operations, and recoveries, by SIGKILL and, in the same moment, by the end of zfs-fuse: what it had not written to the
// pool is gone. The world is as before or as meant nevertheless, and what was said to be done is done.
func TestPowerCut(t *testing.T) {
	scratch.Pool(t)
	for i, s := range scenarios() {
		if slices.Contains([]string{"activate", "diff", "set"}, s.Name) { // another pool; nothing; a first version that is to be removed: see nothing
			continue
		}
		from, every := 1, 5
		if os.Getenv("IOC_LONG") == "" {
			if !slices.Contains(strings.Fields(powerThin), s.Name) {
				continue
			}
			from, every = 5+i%3, 13
		}
		picture := s.Snapshot
		s.Exclusive = true
		s.Cut = func(string) error { return scratch.Cut() }
		s.Snapshot = func(dir string) (string, error) { // what there was before is in the pool for good
			text, err := picture(dir)
			return nothing.ReplaceAllString(text, ""), errors.Join(err, scratch.Settle())
		}
		t.Run(s.Name, func(t *testing.T) { eventstest.Sweep(t, s, eventstest.From(from), eventstest.Every(every)) })
	}
}
