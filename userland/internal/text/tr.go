package text

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/applet"
)

func tr(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	complement := o.Flag("c complement", "take the characters that are not in SET1")
	o.Func("C", "", "", func(string) error { *complement = true; return nil })
	remove := o.Flag("d delete", "delete the characters of SET1")
	squeeze := o.Flag("s squeeze-repeats", "replace repeats of a character of the last SET by one")
	truncate := o.Flag("t truncate-set1", "cut SET1 to the length of SET2")
	o.Note("Sets may hold ranges a-z, classes [:alpha:] [:digit:] [:space:] [:upper:] [:lower:] and others,\nrepeats [x*N], and escapes \\n \\t \\\\ \\NNN.")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	need := 2
	if *remove != *squeeze || *squeeze && len(args) == 1 {
		need = 1
	}
	if *squeeze && !*remove && len(args) == 2 {
		need = 2
	}
	if len(args) != need {
		return applet.Usagef("%d sets are needed, %d given", need, len(args))
	}
	set1, err := expandSet(args[0], 0)
	if err != nil {
		return err
	}
	var set2 []rune
	if len(args) == 2 {
		if set2, err = expandSet(args[1], len(set1)); err != nil {
			return err
		}
		if *truncate && len(set1) > len(set2) {
			set1 = set1[:len(set2)]
		}
		if len(set2) == 0 && !*remove {
			return fmt.Errorf("the second set must not be empty")
		}
	}
	t := translator{complement: *complement, remove: *remove, squeeze: *squeeze, in: map[rune]int{}}
	for i, r := range set1 {
		if _, ok := t.in[r]; !ok || !*remove {
			t.in[r] = i
		}
	}
	t.to = set2
	t.squeezeSet = set2
	if len(args) == 1 {
		t.squeezeSet = set1
	}
	return t.run(ctx, p)
}

// translator is one configuration of tr.
type translator struct {
	complement, remove, squeeze bool
	in                          map[rune]int
	to, squeezeSet              []rune
}

func (t *translator) matches(r rune) (int, bool) {
	i, ok := t.in[r]
	if t.complement {
		return len(t.to) - 1, !ok
	}
	return i, ok
}

func (t *translator) run(ctx context.Context, p *applet.Proc) error {
	last := rune(-1)
	squeezable := map[rune]bool{}
	for _, r := range t.squeezeSet {
		squeezable[r] = true
	}
	single := t.squeezeSet
	return eachLine(ctx, p.Stdin, func(line []byte, ended bool) error {
		text := string(line)
		if ended {
			text += "\n"
		}
		for i, r := range text {
			_, size := utf8.DecodeRuneInString(text[i:])
			raw := text[i : i+size] // a byte that is no character stays as it is
			n, hit := t.matches(r)
			if hit && t.remove {
				continue
			}
			if hit && len(t.to) > 0 && !t.remove {
				r = t.to[min(n, len(t.to)-1)]
				raw = string(r)
			}
			if t.squeeze && r == last {
				again := squeezable[r]
				if t.complement && len(t.to) == 0 && !t.remove {
					again = !slices.Contains(single, r)
				}
				if again {
					continue
				}
			}
			last = r
			p.Out().WriteString(raw)
		}
		if err := p.EndLine(); err != nil {
			return &applet.WriteError{Err: err}
		}
		return nil
	})
}

// expandSet lists the characters of a set. length is that of the other set, for [x*].
func expandSet(s string, length int) ([]rune, error) {
	var set []rune
	rs := []rune(s)
	for i := 0; i < len(rs); {
		if rs[i] == '[' && i+1 < len(rs) && rs[i+1] == ':' {
			if name, _, ok := strings.Cut(string(rs[i+2:]), ":]"); ok {
				class, err := classRunes(name)
				if err != nil {
					return nil, err
				}
				set = append(set, class...)
				i += 4 + len([]rune(name))
				continue
			}
		}
		if rs[i] == '[' && i+2 < len(rs) && rs[i+2] == '*' {
			if count, _, ok := strings.Cut(string(rs[i+3:]), "]"); ok {
				n, err := strconv.ParseInt(count, 0, 32)
				if count == "" {
					n, err = int64(max(0, length-len(set))), nil
				}
				if err == nil {
					for range n {
						set = append(set, rs[i+1])
					}
					i += 4 + len(count)
					continue
				}
			}
		}
		r, n := oneRune(rs[i:])
		i += n
		if i+1 < len(rs) && rs[i] == '-' {
			last, n := oneRune(rs[i+1:])
			if last < r {
				return nil, fmt.Errorf("range %c-%c is upside down", r, last)
			}
			for c := r; c <= last; c++ {
				set = append(set, c)
			}
			i += 1 + n
			continue
		}
		set = append(set, r)
	}
	return set, nil
}

// oneRune reads a character that may be escaped, and how many it took.
func oneRune(rs []rune) (rune, int) {
	if rs[0] != '\\' || len(rs) == 1 {
		return rs[0], 1
	}
	if i := strings.IndexRune("abfnrtv\\", rs[1]); i >= 0 {
		return rune("\a\b\f\n\r\t\v\\"[i]), 2
	}
	n, v := 1, rune(0)
	for n < len(rs) && n < 4 && rs[n] >= '0' && rs[n] <= '7' {
		v = v*8 + rs[n] - '0'
		n++
	}
	if n > 1 {
		return v, n
	}
	return rs[1], 2
}

func classRunes(name string) ([]rune, error) {
	var in func(c rune) bool
	between := func(pairs string) func(rune) bool {
		return func(c rune) bool {
			for i := 0; i < len(pairs); i += 2 {
				if rune(pairs[i]) <= c && c <= rune(pairs[i+1]) {
					return true
				}
			}
			return false
		}
	}
	switch name {
	case "alpha":
		in = between("AZaz")
	case "digit":
		in = between("09")
	case "alnum":
		in = between("09AZaz")
	case "upper":
		in = between("AZ")
	case "lower":
		in = between("az")
	case "space":
		in = between("\t\r  ")
	case "blank":
		in = between("\t\t  ")
	case "punct":
		in = between("!/:@[`{~")
	case "print":
		in = between(" ~")
	case "graph":
		in = between("!~")
	case "cntrl":
		in = between("\x00\x1f\x7f\x7f")
	case "xdigit":
		in = between("09AFaf")
	default:
		return nil, fmt.Errorf("unknown class [:%s:]", name)
	}
	var set []rune
	for c := rune(0); c < 128; c++ {
		if in(c) {
			set = append(set, c)
		}
	}
	return set, nil
}
