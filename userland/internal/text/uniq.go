package text

import (
	"bytes"
	"context"
	"io"
	"os"

	"github.com/libioc/ioc/userland/internal/applet"
)

func uniq(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	counts := o.Flag("c count", "put the number of repeats before each line")
	repeated := o.Flag("d repeated", "print only lines that are repeated")
	single := o.Flag("u unique", "print only lines that are not repeated")
	fold := o.Flag("i ignore-case", "take upper and lower case as the same")
	fields := o.Int("f skip-fields", "N", 0, "do not compare the first N fields")
	chars := o.Int("s skip-chars", "N", 0, "do not compare the first N characters")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) > 2 {
		return applet.Usagef("too many files")
	}
	if len(args) == 2 && args[1] != "-" {
		f, err := os.Create(p.Path(args[1]))
		if err != nil {
			return err
		}
		defer f.Close()
		p.Stdout = f
	}
	part := func(line []byte) []byte {
		for range *fields {
			line = bytes.TrimLeft(line, " \t")
			if i := bytes.IndexAny(line, " \t"); i >= 0 {
				line = line[i:]
			} else {
				line = nil
			}
		}
		line = line[min(len(line), *chars):]
		if *fold {
			line = bytes.ToLower(line)
		}
		return line
	}
	var last []byte
	n := 0
	flush := func() error {
		if n == 0 || *repeated && n == 1 || *single && n > 1 {
			return nil
		}
		if *counts {
			p.Printf("%7d ", n)
		}
		return p.Println(string(last))
	}
	return p.EachInput(ctx, args[:min(1, len(args))], func(_ string, r io.Reader) error {
		err := eachLine(ctx, r, func(line []byte, _ bool) error {
			if n > 0 && bytes.Equal(part(line), part(last)) {
				n++
				return nil
			}
			if err := flush(); err != nil {
				return &applet.WriteError{Err: err}
			}
			last, n = append(last[:0], line...), 1
			return nil
		})
		if err != nil {
			return err
		}
		return flush()
	})
}
