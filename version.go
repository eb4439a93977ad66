package ioc

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// tagged is the version of a release build: -ldflags "-X github.com/libioc/ioc.tagged=v1.2.3". Nothing else sets it.
var tagged string //nolint:gochecknoglobals // the linker's

// Version says which ioc a program has. Fields that nobody knows are empty.
type Version struct {
	Version  string `json:"version"`            // "v1.2.3", or what the go command makes of a commit
	Commit   string `json:"commit,omitempty"`   // of the sources
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339 in UTC
	Modified bool   `json:"modified,omitempty"` // the sources were not exactly those
	Go       string `json:"go"`                 // the compiler's version
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Build is the version of the ioc that this program was built with, also where ioc is a module of a
// larger program. It takes no time to speak of.
func Build() Version {
	v := Version{Version: tagged, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	const module = "github.com/libioc/ioc"
	info, ok := debug.ReadBuildInfo()
	switch {
	case !ok:
	case info.Main.Path == module:
		v.settings(info.Settings)
		if v.Version == "" {
			v.Version = strings.Trim(info.Main.Version, "()") // of a test: "(devel)"
		}
	default:
		for _, dep := range info.Deps {
			if dep.Path == module && v.Version == "" {
				v.Version = dep.Version
			}
		}
	}
	if v.Version == "" {
		v.Version = "unknown"
	}
	return v
}

func (v *Version) settings(all []debug.BuildSetting) {
	for _, s := range all {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
}

// Features is what a host can do: with files, and with processes. What it cannot has its reason there. To
// find out it may try things, which leaves nothing behind.
type Features struct {
	Storage storage.Features
	Sandbox sandbox.Features
}
