package published

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/libioc/ioc/fault"
)

// wanted is the set that a jail is made of. The others hold a kernel, sources, debugging symbols and tests.
const wanted = "base.txz"

// freebsd reads MANIFEST, as release/scripts/make-manifest.sh of FreeBSD writes it: file, SHA-256, number of
// files and more, by tabs.
func freebsd(l *lookup, server, name string) (found, error) {
	text, dir, err := l.anywhere(l.dirs(server, name), "MANIFEST")
	if err != nil {
		return found{}, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) > 2 {
			sums[fields[0]] = fields[1]
		}
	}
	return set("FreeBSD "+name, dir, "MANIFEST", sums)
}

// dirs are where a release may be. A server has its releases below the machine and the processor, the archive
// below the machine alone; snapshots are called -STABLE and -CURRENT.
func (l *lookup) dirs(server, name string) []string {
	machine := l.as(map[string]string{"386": "i386", "riscv64": "riscv"})
	processor := l.as(map[string]string{"386": "i386", "arm64": "aarch64", "ppc64": "powerpc64", "ppc64le": "powerpc64le"})
	if strings.HasPrefix(machine, "ppc64") {
		machine = "powerpc"
	}
	return []string{
		server + "/" + machine + "/" + processor + "/" + name + "/",
		server + "/" + machine + "/" + name + "/",
	}
}

// sumLine is one of sha256(1) and of cksum --tag.
var sumLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^SHA256 \((?:.*/)?([^/)]+)\) = ([0-9a-f]{64})$`)
})

// hardenedbsd reads CHECKSUMS.SHA256 of the newest build of a branch.
func hardenedbsd(l *lookup, server, name string) (found, error) {
	processor := l.as(map[string]string{"arm64": "aarch64"})
	text, dir, err := l.anywhere([]string{
		server + "/" + name + "/" + l.arch + "/" + processor + "/installer/LATEST/",
		server + "/hardenedbsd/" + name + "/" + l.arch + "/" + processor + "/BUILD-LATEST/",
		server + "/" + name + "/",
	}, "CHECKSUMS.SHA256")
	if err != nil {
		return found{}, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if m := sumLine().FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			sums[m[1]] = m[2]
		}
	}
	return set("HardenedBSD "+name, dir, "CHECKSUMS.SHA256", sums)
}

// anywhere reads a file in the first of the directories that has it.
func (l *lookup) anywhere(dirs []string, file string) (text []byte, dir string, err error) {
	for _, dir = range dirs {
		if text, err = l.read(dir + file); !errors.Is(err, fault.NotFound) {
			break
		}
	}
	return text, dir, err
}

// set is what a list of sums says of the set that is wanted. The digest is of the whole list: another build
// has another one, also if this set is the same.
func set(title, dir, list string, sums map[string]string) (found, error) {
	sum := sums[wanted]
	if sum == "" {
		return found{}, fault.New("", fault.Corrupt, dir+list, fmt.Errorf("it does not list %s", wanted)).WithRemedy(another)
	}
	h := sha256.Sum256([]byte(title + "\n" + sum))
	return found{
		title: title, digest: "sha256:" + hex.EncodeToString(h[:]),
		archives: []archive{{url: dir + wanted, sha256: sum}},
	}, nil
}
