package text

import (
	"context"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

// echo is the one of bash: no escapes unless -e asks for them.
func echo(_ context.Context, p *applet.Proc) error {
	if !p.Inside && p.Help("  -n  no newline at the end\n  -e  replace escapes such as \\n and \\t\n  -E  do not (the default)") {
		return nil
	}
	newline, escapes := true, false
	args := p.Args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		for _, c := range args[0][1:] {
			switch c {
			case 'n':
				newline = false
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		var stop bool
		if text, stop = expandEscapes(text, true); stop {
			newline = false
		}
	}
	p.Out().WriteString(text)
	if newline {
		p.Out().WriteByte('\n')
	}
	return nil
}

// expandEscapes replaces backslash escapes. With echo's rules an octal number needs a leading 0. It
// reports whether \c asked to stop the output.
func expandEscapes(s string, echo bool) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, false
	}
	var b strings.Builder
	for s != "" {
		if s[0] != '\\' || len(s) == 1 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if s[1] == 'c' {
			return b.String(), true
		}
		text, n := escape(s, echo)
		b.WriteString(text)
		s = s[n:]
	}
	return b.String(), false
}

// escape replaces the one escape that s begins with, and tells its length.
func escape(s string, echo bool) (string, int) {
	if i := strings.IndexByte(`abefnrtv\"'`, s[1]); i >= 0 {
		if echo && (s[1] == '"' || s[1] == '\'') {
			return s[:2], 2
		}
		return "\a\b\x1b\f\n\r\t\v\\\"'"[i : i+1], 2
	}
	number := func(at, digits, base int) (string, int) {
		end := at
		for end < len(s) && end < at+digits && isDigitOf(s[end], base) {
			end++
		}
		if end == at {
			if base == 8 {
				return "\x00", end
			}
			return s[:2], 2
		}
		n, _ := strconv.ParseUint(s[at:end], base, 32)
		if s[1] == 'u' || s[1] == 'U' {
			return string(rune(n)), end
		}
		return string([]byte{byte(n)}), end
	}
	switch c := s[1]; {
	case c == '0' && echo:
		return number(2, 3, 8)
	case c >= '0' && c <= '7' && !echo:
		return number(1, 3, 8)
	case c == 'x':
		return number(2, 2, 16)
	case c == 'u':
		return number(2, 4, 16)
	case c == 'U':
		return number(2, 8, 16)
	}
	return s[:2], 2
}

func isDigitOf(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil
}

func yes(ctx context.Context, p *applet.Proc) error {
	args, err := p.Options().Parse()
	if err != nil {
		return err
	}
	line := "y\n"
	if len(args) > 0 {
		line = strings.Join(args, " ") + "\n"
	}
	block := []byte(strings.Repeat(line, max(1, 8192/len(line))))
	for ctx.Err() == nil {
		if _, err := p.Stdout.Write(block); err != nil {
			return err
		}
	}
	return nil
}

func seq(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	sep := o.String("s separator", "TEXT", "\n", "put TEXT between the numbers")
	wide := o.Flag("w equal-width", "fill with leading zeros")
	format := o.String("f format", "FORMAT", "", "print with a printf format for a floating point number")
	var numbers []string
	o.Digits(func(s string) error { numbers = append(numbers, "-"+s); return nil })
	// A negative number looks like an option, so operands are taken out before options are read.
	var options []string
	for i, arg := range p.Args {
		if _, err := strconv.ParseFloat(arg, 64); err == nil && (i == 0 || p.Args[i-1] != "-s" && p.Args[i-1] != "-f") {
			numbers = append(numbers, arg)
		} else {
			options = append(options, arg)
		}
	}
	p.Args = options
	rest, err := o.Parse()
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return applet.Usagef("%q is not a number", rest[0])
	}
	if len(numbers) < 1 || len(numbers) > 3 {
		return applet.Usagef("one to three numbers are needed")
	}
	first, step, last := "1", "1", numbers[len(numbers)-1]
	if len(numbers) > 1 {
		first = numbers[0]
	}
	if len(numbers) == 3 {
		step = numbers[1]
	}
	places := max(decimals(first), decimals(step))
	a, _ := strconv.ParseFloat(first, 64)
	d, _ := strconv.ParseFloat(step, 64)
	z, _ := strconv.ParseFloat(last, 64)
	if d == 0 {
		return applet.Usagef("the step must not be zero")
	}
	text := func(v float64) string {
		if *format != "" {
			s, _, _ := Format(*format, []string{strconv.FormatFloat(v, 'f', -1, 64)})
			return s
		}
		return strconv.FormatFloat(v, 'f', places, 64)
	}
	width := 0
	if *wide {
		width = max(len(text(a)), len(text(z)))
	}
	for i := 0; ctx.Err() == nil; i++ {
		v := a + float64(i)*d
		if d > 0 && v > z+1e-9*d || d < 0 && v < z+1e-9*d {
			if i > 0 {
				p.Out().WriteByte('\n')
			}
			return nil
		}
		if i > 0 {
			if _, err := p.Out().WriteString(*sep); err != nil {
				return err
			}
		}
		s := text(v)
		if pad := width - len(s); pad > 0 {
			sign := ""
			if s[0] == '-' {
				sign, s = "-", s[1:]
			}
			s = sign + strings.Repeat("0", pad) + s
		}
		p.Out().WriteString(s)
	}
	return nil
}

func decimals(s string) int {
	_, frac, _ := strings.Cut(s, ".")
	return len(frac)
}
