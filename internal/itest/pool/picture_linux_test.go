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
	lines, err := everyProperty(place.Root)
	if err != nil {
		return "", err
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(strings.ReplaceAll(line, place.Root, "ROOT"), dir, "DIR")
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

// room are the properties that change by themselves: what ZFS counts, which it writes down some seconds late, and of all of the pool.
const room = " available used referenced compressratio refcompressratio usedbysnapshots usedbydataset usedbychildren usedbyrefreservation" +
	" written logicalused logicalreferenced "

// everyProperty is what ZFS keeps of a file system and of all that is below it, each property with its value and who has set it. Left
// out are room, what tells two pools apart to which the same was done, and the trash, which is there from its first use on.
func everyProperty(root string) (lines []string, err error) {
	out, err := exec.Command("zfs", "get", "-Hp", "-r", "-o", "name,property,value,source", "all", root).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case len(f) != 4:
			return nil, fmt.Errorf("zfs get says %q", line)
		case f[0] == root+"/trash", strings.Contains(room+"guid creation createtxg objsetid snapshots_changed ", " "+f[1]+" "):
			continue
		case strings.Contains(" quota reservation refquota refreservation ", " "+f[1]+" ") && f[2] == "0":
			f[3] = "" // a limit cannot be inherited: one that was taken away is none, and set
		}
		if from, ok := strings.CutPrefix(f[3], "inherited from "); ok && from != root && !strings.HasPrefix(from, root+"/") {
			f[3] = "inherited from above"
		}
		lines = append(lines, strings.Join(f, "\t")+"\n")
	}
	return lines, nil
}

var moment = regexp.MustCompile(` [0-9a-f]{12} \d{4}-\d\d-\d\dT[0-9:.]+|20\d\d[0-9T:Z.-]+`)

// length is that of a file with times in it, whose last zeros are left out.
var length = regexp.MustCompile(`(config\.history\.json".*) \d+$`)
