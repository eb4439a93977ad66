package text

import (
	"context"
	"io"
	"unicode/utf8"

	"github.com/libioc/ioc/userland/internal/applet"
)

// tally is what wc counts.
type tally struct{ lines, words, chars, bytes, longest int64 }

func wc(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	lines := o.Flag("l lines", "count lines")
	words := o.Flag("w words", "count words")
	chars := o.Flag("m chars", "count characters")
	bytes := o.Flag("c bytes", "count bytes")
	longest := o.Flag("L max-line-length", "print the length of the longest line")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if !*lines && !*words && !*chars && !*bytes && !*longest {
		*lines, *words, *bytes = true, true, true
	}
	single := 0
	for _, on := range []bool{*lines, *words, *chars, *bytes, *longest} {
		if on {
			single++
		}
	}
	width := 7
	if len(files) == 0 || len(files) == 1 && single == 1 {
		width = 1
		if single > 1 {
			width = 7
		}
	}
	print := func(t tally, name string) {
		sep := ""
		for _, c := range []struct {
			on bool
			n  int64
		}{{*lines, t.lines}, {*words, t.words}, {*chars, t.chars}, {*bytes, t.bytes}, {*longest, t.longest}} {
			if c.on {
				p.Printf("%s%*d", sep, width, c.n)
				sep = " "
			}
		}
		if name != "" {
			p.Printf(" %s", name)
		}
		p.Printf("\n")
	}
	var total tally
	err = p.EachInput(ctx, files, func(name string, r io.Reader) error {
		t, err := measure(ctx, r)
		if len(files) == 0 {
			name = ""
		}
		print(t, name)
		total.lines += t.lines
		total.words += t.words
		total.chars += t.chars
		total.bytes += t.bytes
		total.longest = max(total.longest, t.longest)
		return err
	})
	if len(files) > 1 {
		print(total, "total")
	}
	return err
}

func measure(ctx context.Context, r io.Reader) (t tally, err error) {
	buf := make([]byte, 32<<10)
	inWord := false
	column := int64(0)
	for {
		n, err := r.Read(buf)
		t.bytes += int64(n)
		for _, c := range buf[:n] {
			if utf8.RuneStart(c) {
				t.chars++
				column++
			}
			switch c {
			case '\n':
				t.lines++
				column--
				t.longest = max(t.longest, column)
				column = 0
				inWord = false
			case ' ', '\t', '\r', '\v', '\f':
				inWord = false
			default:
				if !inWord {
					t.words++
				}
				inWord = true
			}
		}
		t.longest = max(t.longest, column)
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
	}
}
