package journal

import (
	"errors"
	"fmt"
	"strings"
)

// Names in the directory of retained effects. A key is escaped so that no dot is in it.
const (
	// suffixNext: prepared by a run that is about to commit. It counts once it has lost the suffix.
	suffixNext = ".next"
	// suffixOut: being released. It goes forward, whoever began it.
	suffixOut = ".out"

	maxName = 240 // bytes of a file's name without suffix; most file systems allow 255
)

// heldName is the file of what is kept under key. Upper case is escaped, too: there are file systems
// that do not tell it from lower case.
func heldName(key string) string {
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, len(heldDir)+1+len(key)), heldDir+"/"...)
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// checkKey refuses a key that cannot be a file's name.
func checkKey(key string) error {
	if key == "" {
		return errors.New("retain: the key is empty")
	}
	if n := len(heldName(key)) - len(heldDir) - 1; n > maxName {
		return fmt.Errorf("retain %s: the key is too long: %d bytes as a file's name", key, n)
	}
	return nil
}

// heldKey is the key and suffix of a file's name; false: it is none of ours.
func heldKey(name string) (key, suffix string, ok bool) {
	esc, suffix := name, ""
	if dot := strings.IndexByte(name, '.'); dot >= 0 {
		esc, suffix = name[:dot], name[dot:]
	}
	if esc == "" || suffix != "" && suffix != suffixNext && suffix != suffixOut {
		return "", "", false
	}
	var b strings.Builder
	for i := 0; i < len(esc); i++ {
		c := esc[i]
		if c == '%' {
			if i+2 >= len(esc) {
				return "", "", false
			}
			c = unhex(esc[i+1])<<4 | unhex(esc[i+2])
			i += 2
		}
		b.WriteByte(c)
	}
	if heldName(b.String()) != heldDir+"/"+esc {
		return "", "", false
	}
	return b.String(), suffix, true
}

func unhex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
