//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func date(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	utc := o.Flag("u utc", "use UTC")
	when := o.String("d date", "TIME", "", "print TIME: 2006-01-02 15:04:05, @SECONDS, 2 days ago, ...")
	file := o.String("r reference", "FILE", "", "print when FILE was changed")
	set := o.String("s set", "TIME", "", "set the clock to TIME")
	iso := o.Flag("I iso-8601", "print the date as 2006-01-02")
	isoFull := o.Flag("iso-seconds", "print the time as 2006-01-02T15:04:05+00:00")
	mail := o.Flag("R rfc-email", "print the time as in mails")
	o.Note("FORMAT is that of strftime(3): %Y %m %d %H %M %S %N %s %F %T %D %R %a %A %b %B %c %x %X %j %u %w %V %G %p %I %e %k %l %Z %z %n %t %%")
	for i, arg := range p.Args {
		switch arg {
		case "-Iseconds", "--iso-8601=seconds":
			p.Args[i] = "--iso-seconds"
		case "-Idate", "--iso-8601=date":
			p.Args[i] = "-I"
		}
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	now := time.Now()
	if *utc {
		now = now.UTC()
	}
	t := now
	switch {
	case *when != "":
		if t, err = applet.ParseTime(*when, now); err != nil {
			return err
		}
	case *file != "":
		fi, err := os.Stat(p.Path(*file))
		if err != nil {
			return err
		}
		t = fi.ModTime()
	case *set != "":
		if t, err = applet.ParseTime(*set, now); err != nil {
			return err
		}
		tv := unix.NsecToTimeval(t.UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			return fmt.Errorf("set the clock: %w", err)
		}
	}
	t = t.In(now.Location())
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case len(args) > 1 || len(args) == 1 && !strings.HasPrefix(args[0], "+"):
		return applet.Usagef("unexpected %q (a format begins with +)", args[len(args)-1])
	case len(args) == 1:
		format = args[0][1:]
	case *iso:
		format = "%F"
	case *isoFull:
		format = "%FT%T%:z"
	case *mail:
		format = "%a, %d %b %Y %T %z"
	}
	return p.Println(Strftime(format, t))
}

// Strftime formats a time as strftime(3) does in the C locale. Flags - and _ and 0 choose the padding.
func Strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		pad := byte(0)
		for i+1 < len(format) && strings.IndexByte("-_0^:E", format[i]) >= 0 {
			pad = format[i]
			i++
		}
		digits := 0
		for i+1 < len(format) && format[i] >= '1' && format[i] <= '9' {
			digits = int(format[i] - '0')
			i++
		}
		text := directive(format[i], t, pad, digits)
		if pad == '^' {
			text = strings.ToUpper(text)
		}
		b.WriteString(text)
	}
	return b.String()
}

func directive(c byte, t time.Time, pad byte, digits int) string {
	number := func(n, width int, fill byte) string {
		switch pad {
		case '-':
			width = 0
		case '_':
			fill = ' '
		case '0':
			fill = '0'
		}
		if fill == ' ' {
			return fmt.Sprintf("%*d", width, n)
		}
		return fmt.Sprintf("%0*d", width, n)
	}
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case 'Y':
		return number(t.Year(), 4, '0')
	case 'y':
		return number(t.Year()%100, 2, '0')
	case 'C':
		return number(t.Year()/100, 2, '0')
	case 'm':
		return number(int(t.Month()), 2, '0')
	case 'd':
		return number(t.Day(), 2, '0')
	case 'e':
		return number(t.Day(), 2, ' ')
	case 'H':
		return number(t.Hour(), 2, '0')
	case 'k':
		return number(t.Hour(), 2, ' ')
	case 'I':
		return number(hour12, 2, '0')
	case 'l':
		return number(hour12, 2, ' ')
	case 'M':
		return number(t.Minute(), 2, '0')
	case 'S':
		return number(t.Second(), 2, '0')
	case 'N':
		text := fmt.Sprintf("%09d", t.Nanosecond())
		if digits > 0 {
			text = text[:digits]
		}
		return text
	case 's':
		return fmt.Sprint(t.Unix())
	case 'j':
		return number(t.YearDay(), 3, '0')
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'V':
		return number(isoWeek, 2, '0')
	case 'G':
		return number(isoYear, 4, '0')
	case 'U':
		return number((t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
	case 'W':
		return number((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case '%':
		return "%"
	case 'z':
		if pad == ':' {
			return t.Format("-07:00")
		}
		return t.Format("-0700")
	}
	layouts := map[byte]string{
		'F': "2006-01-02", 'T': "15:04:05", 'X': "15:04:05", 'D': "01/02/06", 'x': "01/02/06", 'R': "15:04",
		'r': "03:04:05 PM", 'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January",
		'c': "Mon Jan _2 15:04:05 2006", 'p': "PM", 'P': "pm", 'Z': "MST",
	}
	if layout, ok := layouts[c]; ok {
		return t.Format(layout)
	}
	return "%" + string(c)
}
