package text

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

// order is how two lines, or two keys of them, compare.
type order struct {
	numeric, human, version, general bool
	reverse, fold, blanks, dict      bool
}

// letter switches an ordering option on; it is the same letter as option and in a key.
func (o *order) letter(c byte) bool {
	switch c {
	case 'n':
		o.numeric = true
	case 'g':
		o.general = true
	case 'h':
		o.human = true
	case 'V':
		o.version = true
	case 'r':
		o.reverse = true
	case 'f':
		o.fold = true
	case 'b':
		o.blanks = true
	case 'd':
		o.dict = true
	default:
		return false
	}
	return true
}

// key is a part of a line: from a character of a field to one of another. Zero end means to the line's end.
type key struct {
	startField, startChar int
	endField, endChar     int
	order
}

func sortLines(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	var global order
	var keys []key
	flag := func(names, help string) {
		o.Func(names, "", help, func(string) error { global.letter(names[0]); return nil })
	}
	flag("n numeric-sort", "compare as numbers")
	flag("g general-numeric-sort", "compare as numbers with exponents")
	flag("h human-numeric-sort", "compare sizes such as 2K and 1G")
	flag("V version-sort", "compare numbers inside the text")
	flag("r reverse", "reverse the order")
	flag("f ignore-case", "take lower case as upper case")
	flag("b ignore-leading-blanks", "skip leading blanks")
	flag("d dictionary-order", "compare blanks, letters and digits only")
	unique := o.Flag("u unique", "print one of equal lines")
	stable := o.Flag("s stable", "leave equal lines in their order")
	check := o.Flag("c check", "only check whether the input is sorted")
	random := o.Flag("R random-sort", "shuffle")
	zero := o.Flag("z zero-terminated", "lines end with a zero byte")
	sep := o.String("t field-separator", "CHAR", "", "fields are separated by CHAR")
	output := o.String("o output", "FILE", "", "write to FILE, which may be an input")
	o.Func("k key", "F[.C][OPTS][,F[.C][OPTS]]", "compare this part of the lines", func(s string) error {
		k, err := parseKey(s)
		keys = append(keys, k)
		return err
	})
	o.Ignored("m merge")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	for i := range keys {
		if keys[i].order == (order{}) {
			keys[i].order = global
		}
	}
	end := byte('\n')
	if *zero {
		end = 0
	}
	var lines [][]byte
	err = p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		return eachRecord(ctx, r, end, func(line []byte, _ bool) error {
			lines = append(lines, bytes.Clone(line))
			return nil
		})
	})
	if err != nil {
		return err
	}
	if p.Failed() {
		return applet.Exit(2)
	}
	c := comparer{keys: keys, global: global, sep: *sep}
	compare := func(a, b []byte) int {
		d := c.compare(a, b)
		if d == 0 && !*stable && !*unique && len(keys)+btoi(global != order{}) > 0 {
			d = bytes.Compare(a, b)
			if global.reverse {
				d = -d
			}
		}
		return d
	}
	if *check {
		for i := 1; i < len(lines); i++ {
			if d := compare(lines[i-1], lines[i]); d > 0 || d == 0 && *unique {
				return fmt.Errorf("line %d: disorder: %s", i+1, lines[i])
			}
		}
		return nil
	}
	slices.SortStableFunc(lines, compare)
	if *random {
		rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	}
	out := io.Writer(p.Out())
	if *output != "" {
		f, err := os.Create(p.Path(*output))
		if err != nil {
			return err
		}
		defer f.Close()
		q := applet.Proc{Stdout: f}
		out = q.Out()
		defer q.Flush()
	}
	for i, line := range lines {
		if *unique && i > 0 && c.compare(lines[i-1], line) == 0 {
			continue
		}
		if _, err := out.Write(append(line, end)); err != nil {
			return err
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func parseKey(s string) (k key, err error) {
	bad := fmt.Errorf("%q is not a key", s)
	start, end, hasEnd := strings.Cut(s, ",")
	position := func(s string) (field, char int, err error) {
		digits := func() int {
			i := 0
			for i < len(s) && s[i] >= '0' && s[i] <= '9' {
				i++
			}
			n, _ := strconv.Atoi(s[:i])
			s = s[i:]
			return n
		}
		if field = digits(); field == 0 {
			return 0, 0, bad
		}
		if strings.HasPrefix(s, ".") {
			s = s[1:]
			char = digits()
		}
		for i := range len(s) {
			if !k.letter(s[i]) {
				return 0, 0, bad
			}
		}
		return field, char, nil
	}
	if k.startField, k.startChar, err = position(start); err == nil && hasEnd {
		k.endField, k.endChar, err = position(end)
	}
	return k, err
}

// comparer compares lines by keys, or as a whole if there are none.
type comparer struct {
	keys   []key
	global order
	sep    string
}

func (c *comparer) compare(a, b []byte) int {
	if len(c.keys) == 0 {
		return c.global.compare(a, b)
	}
	for _, k := range c.keys {
		if d := k.compare(c.part(a, k), c.part(b, k)); d != 0 {
			return d
		}
	}
	return 0
}

// part cuts the key out of a line.
func (c *comparer) part(line []byte, k key) []byte {
	start := c.field(line, k.startField)
	if k.blanks {
		start += len(line[start:]) - len(bytes.TrimLeft(line[start:], " \t"))
	}
	start = min(start+max(0, k.startChar-1), len(line))
	end := len(line)
	switch {
	case k.endField > 0 && k.endChar == 0:
		end = c.fieldEnd(line, k.endField)
	case k.endField > 0:
		end = min(c.field(line, k.endField)+k.endChar, len(line))
	}
	return line[start:max(start, end)]
}

// field is where field n begins. Without a separator a field begins with the blanks before it.
func (c *comparer) field(line []byte, n int) int {
	at := 0
	for i := 1; i < n && at < len(line); i++ {
		at = c.skip(line, at)
		if c.sep != "" && at < len(line) {
			at++
		}
	}
	return at
}

func (c *comparer) fieldEnd(line []byte, n int) int { return c.skip(line, c.field(line, n)) }

func (c *comparer) skip(line []byte, at int) int {
	if c.sep != "" {
		if i := bytes.IndexByte(line[at:], c.sep[0]); i >= 0 {
			return at + i
		}
		return len(line)
	}
	for at < len(line) && isBlank(line[at]) {
		at++
	}
	for at < len(line) && !isBlank(line[at]) {
		at++
	}
	return at
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (o *order) compare(a, b []byte) (d int) {
	defer func() {
		if o.reverse {
			d = -d
		}
	}()
	if o.blanks || o.numeric || o.general || o.human {
		a, b = bytes.TrimLeft(a, " \t"), bytes.TrimLeft(b, " \t")
	}
	if o.dict {
		keep := func(r rune) rune {
			if r == ' ' || r == '\t' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 128 {
				return r
			}
			return -1
		}
		a, b = bytes.Map(keep, a), bytes.Map(keep, b)
	}
	if o.fold {
		a, b = bytes.ToUpper(a), bytes.ToUpper(b)
	}
	switch {
	case o.numeric, o.general, o.human:
		x, y := o.number(a), o.number(b)
		if x < y {
			return -1
		}
		return btoi(x > y)
	case o.version:
		return applet.CompareVersions(string(a), string(b))
	}
	return bytes.Compare(a, b)
}

// number reads the number a line begins with; none is 0.
func (o *order) number(s []byte) float64 {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+' && o.general) {
		i++
	}
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	if o.general && i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
			i = j
		}
	}
	n, _ := strconv.ParseFloat(string(s[:i]), 64)
	if o.human && i < len(s) {
		for range strings.IndexByte("KMGTPE", s[i]&^0x20) + 1 {
			n *= 1024
		}
	}
	return n
}

func leadingDigits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
