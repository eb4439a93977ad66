package text

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/applet"
)

// ranges is a list such as 1,3-5,7-.
type ranges [][2]int

func parseRanges(list string) (ranges, error) {
	var rs ranges
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		r := [2]int{1, 1 << 30}
		var err error
		if from != "" {
			r[0], err = strconv.Atoi(from)
		}
		if err == nil && !isRange {
			r[1] = r[0]
		} else if err == nil && to != "" {
			r[1], err = strconv.Atoi(to)
		}
		if err != nil || r[0] < 1 || r[1] < r[0] || part == "-" || part == "" {
			return nil, fmt.Errorf("%q is not a list of ranges", list)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func (rs ranges) has(n int) bool {
	for _, r := range rs {
		if r[0] <= n && n <= r[1] {
			return true
		}
	}
	return false
}

func cut(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	var list ranges
	kind := byte(0)
	choose := func(k byte) func(string) error {
		return func(s string) (err error) {
			if kind != 0 {
				return fmt.Errorf("only one of -b, -c and -f may be given")
			}
			kind = k
			list, err = parseRanges(s)
			return err
		}
	}
	o.Func("b bytes", "LIST", "print these bytes", choose('b'))
	o.Func("c characters", "LIST", "print these characters", choose('c'))
	o.Func("f fields", "LIST", "print these fields", choose('f'))
	delim := o.String("d delimiter", "CHAR", "\t", "fields are separated by CHAR (default: tab)")
	outDelim := o.String("output-delimiter", "TEXT", "", "put TEXT between fields")
	only := o.Flag("s only-delimited", "leave out lines without a delimiter")
	complement := o.Flag("complement", "print what is not listed")
	o.Note("A LIST is made of N, N-M, N- and -M, separated by commas.")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if kind == 0 {
		return applet.Usagef("one of -b, -c and -f is needed")
	}
	if len(*delim) != 1 {
		return applet.Usagef("the delimiter must be one character")
	}
	if *outDelim == "" {
		*outDelim = *delim
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		return eachLine(ctx, r, func(line []byte, _ bool) error {
			out := p.Out()
			switch kind {
			case 'f':
				parts := bytes.Split(line, []byte(*delim))
				if len(parts) == 1 {
					if *only {
						return nil
					}
					out.Write(line)
					break
				}
				first := true
				for i, part := range parts {
					if list.has(i+1) == *complement {
						continue
					}
					if !first {
						out.WriteString(*outDelim)
					}
					first = false
					out.Write(part)
				}
			case 'b':
				for i, c := range line {
					if list.has(i+1) != *complement {
						out.WriteByte(c)
					}
				}
			case 'c':
				for n := 1; len(line) > 0; n++ {
					_, size := utf8.DecodeRune(line)
					if list.has(n) != *complement {
						out.Write(line[:size])
					}
					line = line[size:]
				}
			}
			out.WriteByte('\n')
			return p.EndLine()
		})
	})
}

func paste(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	delims := o.String("d delimiters", "LIST", "\t", "use the characters of LIST instead of tabs")
	serial := o.Flag("s serial", "join the lines of one file instead of one line of each file")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	list := []rune(unescape(*delims))
	sep := func(i int) string {
		if len(list) == 0 || list[i%len(list)] == 0 {
			return ""
		}
		return string(list[i%len(list)])
	}
	if *serial {
		return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
			n := 0
			err := eachLine(ctx, r, func(line []byte, _ bool) error {
				if n > 0 {
					p.Out().WriteString(sep(n - 1))
				}
				n++
				p.Out().Write(line)
				return nil
			})
			p.Out().WriteByte('\n')
			return err
		})
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	stdin := bufio.NewReader(p.Stdin)
	inputs := make([]*bufio.Reader, len(files))
	for i, name := range files {
		if name == "-" {
			inputs[i] = stdin
			continue
		}
		r, err := p.Open(ctx, name)
		if err != nil {
			return err
		}
		defer r.Close()
		inputs[i] = bufio.NewReader(r)
	}
	for ctx.Err() == nil {
		var line strings.Builder
		any := false
		for i, in := range inputs {
			if i > 0 {
				line.WriteString(sep(i - 1))
			}
			if in == nil {
				continue
			}
			text, err := in.ReadString('\n')
			if err != nil {
				inputs[i] = nil
			}
			if text == "" {
				continue
			}
			any = true
			line.WriteString(strings.TrimSuffix(text, "\n"))
		}
		if !any {
			return nil
		}
		if err := p.Println(line.String()); err != nil {
			return err
		}
	}
	return nil
}

// unescape replaces \n, \t, \\ and \0 in a list of characters.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00").Replace(s)
}

func comm(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	hide := [3]*bool{
		o.Flag("1", "leave out lines only in FILE1"),
		o.Flag("2", "leave out lines only in FILE2"),
		o.Flag("3", "leave out lines in both"),
	}
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if len(files) != 2 {
		return applet.Usagef("two files are needed")
	}
	var in [2]*bufio.Reader
	for i, name := range files {
		r, err := p.Open(ctx, name)
		if err != nil {
			return err
		}
		defer r.Close()
		in[i] = bufio.NewReader(r)
	}
	print := func(column int, line string) {
		if *hide[column] {
			return
		}
		for i := range column {
			if !*hide[i] {
				p.Out().WriteByte('\t')
			}
		}
		p.Println(line)
	}
	next := func(i int) (string, bool) {
		line, err := in[i].ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err == nil || line != ""
	}
	a, okA := next(0)
	b, okB := next(1)
	for (okA || okB) && ctx.Err() == nil {
		switch {
		case !okB || okA && a < b:
			print(0, a)
			a, okA = next(0)
		case !okA || b < a:
			print(1, b)
			b, okB = next(1)
		default:
			print(2, a)
			a, okA = next(0)
			b, okB = next(1)
		}
	}
	return nil
}

func fold(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	width := o.Int("w width", "N", 80, "use N columns")
	spaces := o.Flag("s spaces", "break at blanks")
	o.Ignored("b bytes")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if *width < 1 {
		return applet.Usagef("the width must be at least 1")
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		return eachLine(ctx, r, func(line []byte, ended bool) error {
			rest := []rune(string(line))
			for len(rest) > *width {
				n := *width
				if *spaces {
					if i := strings.LastIndexAny(string(rest[:n]), " \t"); i >= 0 {
						n = utf8.RuneCountInString(string(rest[:n])[:i+1])
					}
				}
				p.Out().WriteString(string(rest[:n]))
				p.Out().WriteByte('\n')
				rest = rest[n:]
			}
			p.Out().WriteString(string(rest))
			if ended {
				p.Out().WriteByte('\n')
			}
			return p.EndLine()
		})
	})
}
