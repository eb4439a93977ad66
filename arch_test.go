package ioc_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/libioc/ioc"

// rings is the architecture: a package may import packages of its own line's right-hand side only,
// and its tests may import more. Lines are ordered from the centre outward; a name that ends in /...
// stands for everything below it.
const rings = `
fault                        :
selector                     :
internal/atomicfile          :
events                       : fault
doctor                       : events fault
internal/run                 : fault
internal/companion           :
internal/lock                : doctor events fault
internal/download            : events fault internal/atomicfile internal/lock
journal                      : doctor events fault internal/atomicfile
history                      : events fault
events/eventstest            : events fault journal
config                       : fault internal/nearest
storage                      : events fault
sandbox                      : events fault
network                      : events fault
storage/storagetest          : events events/eventstest fault journal storage
sandbox/sandboxtest          : events events/eventstest fault journal sandbox
network/networktest          : events events/eventstest fault journal network
release                      : events fault storage internal/atomicfile internal/download internal/filetree internal/run
release/embedded             : fault
release/bootstrap            : events fault release internal/download internal/run
release/published            : events fault release internal/download
release/oci                  : events fault release internal/download
apply                        : config fault internal/nearest
jail                         : doctor events fault config network selector release storage sandbox internal/atomicfile internal/format/fstab internal/format/jailstream internal/graph internal/lock internal/nearest internal/transfer
internal/format/fstab        :
internal/format/jailstream   :
internal/filetree            : fault storage
internal/smallfile           : events storage internal/atomicfile
internal/transfer            : events fault release sandbox storage internal/filetree
internal/backend/mem         : doctor events fault network storage sandbox
internal/backend/rehearsal   : events fault network storage sandbox internal/backend/mem
internal/backend/overlay     : doctor events fault storage internal/atomicfile internal/filetree internal/lock internal/run internal/smallfile
internal/backend/zfs         : doctor events fault storage internal/atomicfile internal/filetree internal/run internal/smallfile
internal/backend/zfs/scratch :
internal/backend/linuxns     : doctor events fault sandbox internal/atomicfile internal/backend/linuxns/... internal/thread
internal/backend/linuxns/seccomp :
internal/backend/linuxns/tinyinit :
internal/backend/linuxns/stage   : fault
internal/backend/usernet     : events fault network internal/companion internal/run
internal/backend/vethbridge  : doctor events fault network internal/companion internal/thread
internal/backend/all         : doctor events fault network storage sandbox internal/run internal/backend/...
.                            : apply doctor events fault history selector config jail release release/bootstrap release/embedded release/oci release/published storage sandbox journal internal/atomicfile internal/download internal/lock internal/backend/all internal/natural internal/nearest
internal/graph               :
internal/natural             :
internal/nearest             :
internal/thread              :
internal/itest               :
internal/itest/pool          :
internal/eventdoc            :
internal/golden              :
internal/view                : events fault
internal/view/term           : events fault internal/view
internal/view/svg            : events internal/view
internal/cli                 : . apply doctor events fault history config jail journal release sandbox selector storage internal/natural internal/nearest internal/view internal/view/term internal/view/svg
cmd/ioc                      : internal/cli
internal/bench               : . events fault journal sandbox storage internal/backend/linuxns internal/backend/zfs/scratch internal/run
`

// planned are packages of rings that may be missing still; they leave this list when they have come.
// There is no such list for the other direction: a package without a line in rings always fails.
const planned = `events/eventstest storage/storagetest sandbox/sandboxtest release
	internal/backend/mem internal/backend/overlay internal/backend/linuxns internal/backend/all internal/view internal/view/term
	internal/cli cmd/ioc`

// pure lists all that a package of the centre may import of the standard library: nothing that
// reaches an operating system. Everybody else may import what risky does not reserve.
var pure = map[string]string{
	"fault":          "context errors fmt slices strconv strings time",
	"internal/graph": "cmp maps slices",
	"selector":       "cmp errors fmt math slices strconv strings",
	"events": `bufio bytes cmp context encoding encoding/binary encoding/hex encoding/json errors fmt hash/crc32 io iter
		log/slog maps math math/bits math/rand/v2 reflect runtime runtime/debug slices sort strconv strings sync sync/atomic
		time unicode unicode/utf8 unsafe`,
}

// risky reserves packages of the standard library, each with its reason; names are as in rings.
var risky = map[string]struct{ who, why string }{
	"os/exec": {
		"internal/run events/eventstest internal/backend/linuxns internal/backend/zfs/scratch",
		"host commands go through internal/run; the crash harness and linuxns start their own program again, and tests a zfs-fuse that ends with them",
	},
	"syscall": {
		"journal history events/eventstest internal/atomicfile internal/lock internal/run internal/companion internal/filetree internal/backend/... internal/view/term internal/cli internal/bench internal/download sandbox sandbox/sandboxtest jail",
		"kernel calls belong to a mechanism; the sandbox contract and those who speak it use the names of signals and errors",
	},
	"net":      {"release release/... network internal/backend/... internal/download internal/cli", "the domain does not talk to a network; network writes down hardware addresses"},
	"net/http": {"release release/... internal/download internal/cli", "the domain does not talk to a network"},
	"log":      {"", "the domain emits events; commands use log/slog, the domain only its Attr"},
	"plugin":   {"", "back ends are listed in internal/backend/all"},
}

// thirdParty says which module may be imported by which package. Tests may import what they like of
// go.mod: docs/dependencies.md has the reasons.
var thirdParty = map[string]string{
	"golang.org/x/sys":                       "journal events/eventstest internal/companion internal/filetree internal/thread internal/transfer internal/backend/... internal/view/term internal/cli internal/bench sandbox/sandboxtest storage/storagetest",
	"pgregory.net/rapid":                     "events/eventstest storage/storagetest sandbox/sandboxtest",
	"github.com/google/go-cmp":               "events/eventstest storage/storagetest sandbox/sandboxtest",
	"github.com/elastic/go-seccomp-bpf":      "internal/backend/linuxns",
	"github.com/moby/sys/mountinfo":          "internal/backend/linuxns internal/backend/overlay internal/backend/zfs sandbox/sandboxtest storage/storagetest",
	"github.com/vishvananda/netlink":         "internal/backend/vethbridge",
	"github.com/google/nftables":             "internal/backend/vethbridge",
	"github.com/insomniacslk/dhcp":           "internal/backend/vethbridge",
	"go.yaml.in/yaml/v3":                     "apply",
	"github.com/santhosh-tekuri/jsonschema":  "",
	"github.com/mikelolasagasti/xz":          "release",
	"github.com/ulikunitz/xz":                "",
	"golang.org/x/crypto":                    "release",
	"github.com/klauspost/compress":          "release release/embedded internal/backend/overlay",
	"github.com/clipperhouse/displaywidth":   "internal/cli internal/view/term",
	"github.com/fsnotify/fsnotify":           "history",
	"github.com/google/go-containerregistry": "release/oci",
	"github.com/spf13/cobra":                 "internal/cli",
	"github.com/spf13/pflag":                 "internal/cli",
}

// kernels are the ones whose files the rules are held against.
func kernels() []string { return []string{"freebsd", "linux", "darwin"} }

// TestDependencyDirection holds every package's imports against rings, pure and risky. It reads
// sources in this process: a test that asks the go command would be cached as passed although a file
// it never opened has changed.
func TestDependencyDirection(t *testing.T) {
	allowed := table(t, rings)
	seen := map[string]bool{}
	eachPackage(t, func(goos, p string, pkg *build.Package) {
		seen[p] = true
		right, known := allowed[p]
		if !known {
			t.Errorf("%s: not in rings; say in arch_test.go what it may import before adding it", p)
			return
		}
		for _, imp := range pkg.Imports {
			if own, ok := inModule(imp); ok {
				if !matches(right, own) {
					t.Errorf("%s (%s) imports %s, which its line in rings does not allow", p, goos, own)
				}
				continue
			}
			if rule, reserved := risky[imp]; reserved && !matches(strings.Fields(rule.who), p) {
				t.Errorf("%s (%s) imports %s: %s", p, goos, imp, rule.why)
			}
			if list, centre := pure[p]; centre && !slices.Contains(strings.Fields(list), imp) {
				t.Errorf("%s (%s) imports %s; the centre is pure", p, goos, imp)
			}
		}
	})
	var missing []string
	for p := range allowed {
		switch {
		case seen[p]:
		case slices.Contains(strings.Fields(planned), p):
			missing = append(missing, p)
		default:
			t.Errorf("rings names %s, which does not exist", p)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		fmt.Println("planned packages that do not exist yet:", strings.Join(missing, " "))
	}
}

// TestThirdParty keeps each module where it was let in.
func TestThirdParty(t *testing.T) {
	eachPackage(t, func(goos, p string, pkg *build.Package) {
		for _, imp := range pkg.Imports {
			if _, own := inModule(imp); own || !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue
			}
			who, known := "", false
			for mod, list := range thirdParty {
				if imp == mod || strings.HasPrefix(imp, mod+"/") {
					who, known = list, true
				}
			}
			if !known || !matches(strings.Fields(who), p) {
				t.Errorf("%s (%s) imports %s; thirdParty lets in: %q", p, goos, imp, who)
			}
		}
	})
}

// TestDependenciesAreExplained wants a line in docs/dependencies.md for each module that a go.mod
// requires directly, and none for others.
func TestDependenciesAreExplained(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines, explained, required []string
	for line := range strings.Lines(string(data)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			lines = append(lines, cells[1])
		}
	}
	for _, cell := range lines[2:] {
		for module := range strings.SplitSeq(cell, ",") {
			if module = strings.TrimSpace(module); strings.Contains(module, ".") {
				explained = append(explained, module)
			}
		}
	}
	for _, file := range []string{"go.mod", filepath.Join("userland", "go.mod")} {
		requirements, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(requirements)) {
			words := strings.Fields(strings.TrimPrefix(line, "require "))
			if len(words) == 2 && strings.HasPrefix(words[1], "v") { // a requirement, and a direct one
				required = append(required, words[0])
			}
		}
	}
	for _, module := range required {
		if !slices.Contains(explained, module) {
			t.Errorf("docs/dependencies.md does not say why %s is required", module)
		}
	}
	for _, module := range explained {
		if !slices.Contains(required, module) {
			t.Errorf("docs/dependencies.md explains %s, which nothing requires", module)
		}
	}
}

// TestHouseRules keeps names meaningful and every package explained exactly once.
func TestHouseRules(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "types", "lib", "tools", "core", "manager"}
	comments := map[string][]string{}
	eachDir(t, func(dir string) {
		if slices.Contains(vague, filepath.Base(dir)) {
			t.Errorf("%s: the name says nothing; name the package after what it provides", dir)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f := parse(t, file)
			if comments[dir] = slices.Clip(comments[dir]); f.Doc != nil {
				comments[dir] = append(comments[dir], file)
			}
		}
	})
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s: want one package comment, have %d %v", dir, len(files), files)
		}
	}
}

// table reads lines of "name : words".
func table(t *testing.T, text string) map[string][]string {
	t.Helper()
	lines := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		name, words, _ := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, twice := lines[name]; twice {
			t.Errorf("%s has two lines", name)
		}
		lines[name] = strings.Fields(words)
	}
	return lines
}

// inModule tells whether imp is a package of ours and its name in rings.
func inModule(imp string) (name string, ok bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func matches(list []string, name string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		dir, all := strings.CutSuffix(pattern, "...")
		return pattern == name || all && strings.HasPrefix(name, dir)
	})
}

// eachPackage calls visit for every package of every kernel that has files there.
func eachPackage(t *testing.T, visit func(goos, name string, pkg *build.Package)) {
	t.Helper()
	for _, goos := range kernels() {
		on := build.Default
		on.GOOS, on.GOARCH, on.CgoEnabled = goos, "amd64", false
		eachDir(t, func(dir string) {
			pkg, err := on.ImportDir(dir, 0)
			if _, none := errors.AsType[*build.NoGoError](err); none {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			visit(goos, filepath.ToSlash(dir), pkg)
		})
	}
}

// eachDir calls visit for every directory of this module; one with a go.mod of its own is another's.
func eachDir(t *testing.T, visit func(dir string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != "." {
			if strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata" || dir == "bin" {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return fs.SkipDir
			}
		}
		visit(dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
