package text

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/applet"
)

func printf(_ context.Context, p *applet.Proc) error {
	if !p.Inside && p.Help("Conversions: %s %b %q %c %d %i %u %o %x %X %e %f %g and %%, with flags, width and precision.\nThe format is used again while arguments are left.") {
		return nil
	}
	args := p.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return applet.Usagef("a format is needed")
	}
	format, args := args[0], args[1:]
	for {
		text, used, err := Format(format, args)
		p.Out().WriteString(text)
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			p.Errorf("%s", err)
		}
		args = args[used:]
		if used == 0 || len(args) == 0 {
			return nil
		}
	}
}

// errStop is what %b with \c asks for.
var errStop = errors.New("output stopped")

// Format formats once through the format and tells how many arguments it used. Bad numbers are
// reported in the error, and count as what could be read of them.
func Format(format string, args []string) (text string, used int, err error) {
	var b strings.Builder
	next := func() string {
		if used < len(args) {
			used++
			return args[used-1]
		}
		return ""
	}
	for format != "" {
		switch {
		case format[0] == '\\' && len(format) > 1:
			if format[1] == 'c' {
				return b.String(), len(args), errStop
			}
			s, n := escape(format, false)
			b.WriteString(s)
			format = format[n:]
		case strings.HasPrefix(format, "%%"):
			b.WriteByte('%')
			format = format[2:]
		case format[0] == '%':
			spec, verb, n := directive(format, next)
			format = format[n:]
			s, cerr := convert(spec, verb, next)
			b.WriteString(s)
			if errors.Is(cerr, errStop) {
				return b.String(), len(args), errStop
			}
			err = errors.Join(err, cerr)
		default:
			b.WriteByte(format[0])
			format = format[1:]
		}
	}
	return b.String(), used, err
}

// directive reads "%-*.3d" into the specification for Go's fmt, the verb and the length.
func directive(format string, next func() string) (spec string, verb byte, n int) {
	i := 1
	spec = "%"
	for i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0 {
		spec += format[i : i+1]
		i++
	}
	number := func() {
		if i < len(format) && format[i] == '*' {
			v, _ := strconv.Atoi(next())
			spec += strconv.Itoa(v)
			i++
			return
		}
		for i < len(format) && format[i] >= '0' && format[i] <= '9' {
			spec += format[i : i+1]
			i++
		}
	}
	number()
	if i < len(format) && format[i] == '.' {
		spec += "."
		i++
		number()
	}
	for i < len(format) && strings.IndexByte("hlLqjzt", format[i]) >= 0 && i+1 < len(format) && format[i] != 'q' {
		i++
	}
	if i == len(format) {
		return spec, 0, i
	}
	return spec, format[i], i + 1
}

func convert(spec string, verb byte, next func() string) (string, error) {
	switch verb {
	case 's':
		return fmt.Sprintf(spec+"s", next()), nil
	case 'b':
		s, stop := expandEscapes(next(), true)
		if stop {
			return fmt.Sprintf(spec+"s", s), errStop
		}
		return fmt.Sprintf(spec+"s", s), nil
	case 'q':
		return fmt.Sprintf(spec+"s", Quote(next())), nil
	case 'c':
		s := next()
		_, n := utf8.DecodeRuneInString(s)
		return fmt.Sprintf(spec+"s", s[:n]), nil
	case 'd', 'i':
		v, err := integer(next())
		return fmt.Sprintf(precision(spec)+"d", v), err
	case 'u', 'o', 'x', 'X':
		v, err := integer(next())
		if verb == 'u' {
			verb = 'd'
		}
		return fmt.Sprintf(precision(spec)+string(verb), uint64(v)), err
	case 'e', 'E', 'f', 'F', 'g', 'G':
		s := strings.TrimSpace(next())
		v, err := strconv.ParseFloat(s, 64)
		if s == "" {
			err = nil
		}
		if err != nil {
			if n, ierr := integer(s); ierr == nil {
				v, err = float64(n), nil
			} else {
				err = fmt.Errorf("%q is not a number", s)
			}
		}
		if (verb == 'g' || verb == 'G') && !strings.Contains(spec, ".") {
			spec += ".6"
		}
		return fmt.Sprintf(spec+string(verb), v), err
	case 0:
		return "", fmt.Errorf("%q: a conversion is missing", spec)
	}
	return "", fmt.Errorf("%%%c: unknown conversion", verb)
}

// precision drops a 0 flag beside a precision, which C ignores and Go does not.
func precision(spec string) string {
	if !strings.Contains(spec, ".") {
		return spec
	}
	flags := len(spec) - len(strings.TrimLeft(spec[1:], "-+ #0")) - 1
	return "%" + strings.ReplaceAll(spec[1:1+flags], "0", "") + spec[1+flags:]
}

// integer reads a number as C does: 10, 0x1f, 017, 'A for a character's code.
func integer(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	if s[0] == '\'' || s[0] == '"' {
		r, _ := utf8.DecodeRuneInString(s[1:])
		return int64(r), nil
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err == nil {
		return v, nil
	}
	if u, uerr := strconv.ParseUint(s, 0, 64); uerr == nil {
		return int64(u), nil
	}
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && s[end] == '-') {
		end++
	}
	v, _ = strconv.ParseInt(s[:end], 10, 64)
	return v, fmt.Errorf("%q is not a number", s)
}

// Quote quotes a word so that a shell reads it back as it is.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
