package pool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/storage/storagetest"
)

func picture(t testing.TB, dir string) string {
	t.Helper()
	text, err := pictureOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var id = regexp.MustCompile(`\b[a-z2-7]{26}\b`)

// pictureOf is what ZFS keeps of the root at dir, and all files but ioc's own records: as text that is the same of two
// pools to which the same was done. The trash is there from its first use on.
func pictureOf(dir string) (string, error) {
	place, err := zfs.Find(dir)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, args := range [][]string{{"type,origin,mounted"}, {"-s", "local,received", "all"}} {
		args = append([]string{"get", "-Hp", "-r", "-o", "name,property,value"}, args...)
		out, err := exec.Command("zfs", append(args, place.Root)...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			// A limit that was taken away is none, and stays in the list.
			if !strings.HasPrefix(line, place.Root+"/trash\t") && !strings.HasSuffix(line, "quota\t0\n") && !strings.HasSuffix(line, "reservation\t0\n") {
				lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(line, place.Root, "ROOT"), dir, "DIR"))
			}
		}
	}
	for _, sub := range []string{"jails", "releases"} {
		top := filepath.Join(dir, sub)
		if _, err := os.Stat(top); err != nil {
			continue
		}
		files, err := storagetest.Everything(top, func(string) bool { return false })
		if err != nil {
			return "", err
		}
		for _, f := range files {
			lines = append(lines, sub+" "+length.ReplaceAllString(moment.ReplaceAllString(f, ""), "$1")+"\n")
		}
	}
	for i, line := range lines {
		lines[i] = moment.ReplaceAllString(id.ReplaceAllString(line, "ID"), "")
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

var moment = regexp.MustCompile(` [0-9a-f]{12} \d{4}-\d\d-\d\dT[0-9:.]+|20\d\d[0-9T:Z.-]+`)

// length is that of a file with times in it, whose last zeros are left out.
var length = regexp.MustCompile(`(config\.history\.json".*) \d+$`)
