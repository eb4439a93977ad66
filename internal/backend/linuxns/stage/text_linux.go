package stage

// The few things that are done with text and numbers here. The packages that do them better would have to
// be initialised first, with everything that they import and that is named before this one.

// split cuts s at every sep; there is always at least one part.
func split(s string, sep byte) []string {
	var parts []string
	for {
		before, after, found := cut(s, sep)
		parts = append(parts, before)
		if !found {
			return parts
		}
		s = after
	}
}

// cut cuts s at the first sep.
func cut(s string, sep byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// join is the inverse of split.
func join(parts []string, sep string) string {
	all := ""
	for i, p := range parts {
		if i > 0 {
			all += sep
		}
		all += p
	}
	return all
}

// trimEnd takes every c off the end.
func trimEnd(s string, c byte) string {
	for s != "" && s[len(s)-1] == c {
		s = s[:len(s)-1]
	}
	return s
}

// put appends the low size bytes of n, the lowest first; get is its inverse.
func put(b []byte, n uint64, size int) []byte {
	for range size {
		b = append(b, byte(n))
		n >>= 8
	}
	return b
}

func get(b []byte) (n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}
