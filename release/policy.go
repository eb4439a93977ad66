package release

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/fault"
)

// Policy says what an archive may contain. The zero Policy is right for a root file system from
// somewhere.
type Policy struct {
	// Devices are device nodes: left out, because a jail has a /dev of its own.
	Devices Rule
	// Setuid are the setuid and setgid bits of files: kept, because su and ping need them, and because
	// nobody outside of jails can reach the files.
	Setuid Rule
	// Bytes bounds the sum of the sizes of all files, holes included, and so what a small archive can
	// grow to. 0: 64 GiB.
	Bytes int64
	// Entries bounds the number of files. 0: 4 million.
	Entries int64
}

// Rule is what becomes of something.
type Rule uint8

// The rules.
const (
	Usual  Rule = iota // as the field's comment says
	Keep               // it is stored
	Drop               // it is left out
	Refuse             // the import fails
)

// ParseRule reads "keep", "drop" and "refuse".
func ParseRule(s string) (Rule, error) {
	for r, word := range map[Rule]string{Keep: "keep", Drop: "drop", Refuse: "refuse"} {
		if s == word {
			return r, nil
		}
	}
	return Usual, fault.New("", fault.Invalid, fmt.Sprintf("%q", s), errors.New("it is neither keep nor drop nor refuse"))
}

func (r Rule) or(usual Rule) Rule {
	if r == Usual {
		return usual
	}
	return r
}

const (
	maxBytes   = 64 << 30
	maxEntries = 4_000_000
	maxName    = 4096     // PATH_MAX
	maxXattrs  = 64       // of one file
	maxXattr   = 64 << 10 // XATTR_SIZE_MAX
)
