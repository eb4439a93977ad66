package text

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

// dumpRange is the part of the input that is dumped.
type dumpRange struct{ skip, limit int64 }

// chunks calls f with pieces of size bytes of all inputs taken as one stream, and ends with the
// offset behind the last. same tells that a piece repeats the one before.
func (d dumpRange) chunks(ctx context.Context, p *applet.Proc, files []string, size int, f func(at int64, b []byte, same bool)) (int64, error) {
	var buf, last []byte
	skip, at := d.skip, d.skip
	left := d.limit
	flush := func(n int) {
		same := last != nil && bytes.Equal(buf[:n], last)
		f(at, buf[:n], same)
		at += int64(n)
		last = append(last[:0:0], buf[:n]...)
		buf = buf[n:]
	}
	err := p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		if skip > 0 {
			n, err := io.CopyN(io.Discard, r, skip)
			skip -= n
			if err != nil && err != io.EOF {
				return err
			}
		}
		part := make([]byte, 4096)
		for left != 0 {
			n, err := r.Read(part)
			if left > 0 {
				n = int(min(int64(n), left))
				left -= int64(n)
			}
			for buf = append(buf, part[:n]...); len(buf) >= size; {
				flush(size)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if len(buf) > 0 {
		flush(len(buf))
	}
	return at, err
}

func hexdump(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	canonical := o.Flag("C canonical", "print bytes in hexadecimal, and as characters")
	all := o.Flag("v no-squeezing", "print repeated lines too, not *")
	d := dumpRange{limit: -1}
	size := func(v *int64) func(string) error {
		return func(s string) (err error) {
			if n, perr := strconv.ParseInt(s, 0, 64); perr == nil && n >= 0 {
				*v = n
				return nil
			}
			*v, err = applet.ParseSize(s)
			return err
		}
	}
	o.Func("n length", "N", "print only N bytes", size(&d.limit))
	o.Func("s skip", "N", "leave out the first N bytes", size(&d.skip))
	files, err := o.Parse()
	if err != nil {
		return err
	}
	starred := false
	offset := "%07x"
	if *canonical {
		offset = "%08x"
	}
	end, err := d.chunks(ctx, p, files, 16, func(at int64, b []byte, same bool) {
		if same && !*all {
			if !starred {
				p.Printf("*\n")
			}
			starred = true
			return
		}
		starred = false
		p.Printf(offset, at)
		if !*canonical {
			for i := 0; i < len(b); i += 2 {
				p.Printf(" %04x", word(b[i:], 2))
			}
			p.Printf("\n")
			return
		}
		for i := range 16 {
			if i%8 == 0 {
				p.Printf(" ")
			}
			if i < len(b) {
				p.Printf(" %02x", b[i])
			} else {
				p.Printf("   ")
			}
		}
		p.Printf("  |%s|\n", printable(b))
	})
	if end > 0 {
		p.Printf(offset+"\n", end)
	}
	return err
}

func printable(b []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if r < 32 || r > 126 {
			return '.'
		}
		return r
	}, latin(b)))
}

// latin makes every byte a character of its own.
func latin(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if c >= 128 {
			c = 0
		}
		out[i] = c
	}
	return out
}

func word(b []byte, size int) uint64 {
	var full [8]byte
	copy(full[:], b[:min(size, len(b))])
	return binary.LittleEndian.Uint64(full[:])
}

func od(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	radix := o.String("A address-radix", "RADIX", "o", "print offsets in decimal (d), octal (o), hexadecimal (x) or not (n)")
	types := o.List("t format", "TYPE", "print as a characters' names, c characters, d u o x numbers;\na size in bytes may follow")
	all := o.Flag("v output-duplicates", "print repeated lines too, not *")
	short := func(name, typ, help string) {
		o.Func(name, "", help, func(string) error { *types = append(*types, typ); return nil })
	}
	short("b", "o1", "the same as -t o1")
	short("c", "c", "the same as -t c")
	short("d", "u2", "the same as -t u2")
	short("o", "o2", "the same as -t o2")
	short("x", "x2", "the same as -t x2")
	d := dumpRange{limit: -1}
	o.Func("N read-bytes", "N", "print only N bytes", func(s string) (err error) { d.limit, err = applet.ParseSize(s); return err })
	o.Func("j skip-bytes", "N", "leave out the first N bytes", func(s string) (err error) { d.skip, err = applet.ParseSize(s); return err })
	files, err := o.Parse()
	if err != nil {
		return err
	}
	if len(*types) == 0 {
		*types = []string{"o2"}
	}
	formats := make([]odFormat, len(*types))
	for i, t := range *types {
		if formats[i], err = parseODFormat(t); err != nil {
			return err
		}
	}
	offset := map[string]string{"o": "%07o", "d": "%07d", "x": "%06x", "n": ""}
	format, ok := offset[*radix]
	if !ok {
		return applet.Usagef("radix %q is not one of d, o, x, n", *radix)
	}
	starred := false
	at := func(n int64) string {
		if format == "" {
			return ""
		}
		return fmt.Sprintf(format, n)
	}
	end, err := d.chunks(ctx, p, files, 16, func(n int64, b []byte, same bool) {
		if same && !*all {
			if !starred {
				p.Printf("*\n")
			}
			starred = true
			return
		}
		starred = false
		for i, f := range formats {
			if i == 0 {
				p.Printf("%s", at(n))
			} else if format != "" {
				p.Printf("%*s", len(at(n)), "")
			}
			for j := 0; j < len(b); j += f.size {
				p.Printf(" %*s", f.width, f.text(b[j:]))
			}
			p.Printf("\n")
		}
	})
	if format != "" {
		p.Printf("%s\n", at(end))
	}
	return err
}

type odFormat struct {
	kind  byte
	size  int
	width int
}

func parseODFormat(t string) (odFormat, error) {
	f := odFormat{kind: t[0], size: 4}
	switch f.kind {
	case 'a', 'c':
		f.size, f.width = 1, 3
		return f, nil
	case 'd', 'u', 'o', 'x':
	default:
		return f, applet.Usagef("unknown type %q", t)
	}
	if rest := t[1:]; rest != "" {
		if i := strings.IndexByte("CSIL", rest[0]); i >= 0 {
			rest = []string{"1", "2", "4", "8"}[i]
		}
		n, err := strconv.Atoi(rest)
		if err != nil || n != 1 && n != 2 && n != 4 && n != 8 {
			return f, applet.Usagef("bad size in type %q", t)
		}
		f.size = n
	}
	most := uint64(1)<<(8*f.size-1)<<1 - 1
	switch f.kind {
	case 'o':
		f.width = len(strconv.FormatUint(most, 8))
	case 'x':
		f.width = 2 * f.size
	default:
		f.width = len(strconv.FormatUint(most, 10)) + btoi(f.kind == 'd')
	}
	return f, nil
}

func (f odFormat) text(b []byte) string {
	v := word(b, f.size)
	switch f.kind {
	case 'c':
		if i := strings.IndexByte("\x00\a\b\f\n\r\t\v", b[0]); i >= 0 {
			return `\` + `0abfnrtv`[i:i+1]
		}
		if b[0] < 32 || b[0] > 126 {
			return fmt.Sprintf("%03o", b[0])
		}
		return string(b[:1])
	case 'a':
		c := b[0] & 127
		names := strings.Fields("nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp")
		if int(c) < len(names) {
			return names[c]
		}
		if c == 127 {
			return "del"
		}
		return string([]byte{c})
	case 'd':
		shift := 64 - 8*f.size
		return strconv.FormatInt(int64(v<<shift)>>shift, 10)
	case 'u':
		return strconv.FormatUint(v, 10)
	case 'o':
		return fmt.Sprintf("%0*o", f.width, v)
	}
	return fmt.Sprintf("%0*x", f.width, v)
}

func stringsOf(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	least := o.Int("n bytes", "N", 4, "print runs of at least N characters")
	o.Ignored("a all")
	o.Digits(func(s string) (err error) { *least, err = strconv.Atoi(s); return err })
	files, err := o.Parse()
	if err != nil {
		return err
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		var run []byte
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			for _, c := range buf[:n] {
				if c == '\t' || c >= 32 && c < 127 {
					run = append(run, c)
					continue
				}
				if len(run) >= *least {
					p.Println(string(run))
				}
				run = run[:0]
			}
			if err != nil {
				if len(run) >= *least {
					p.Println(string(run))
				}
				if err == io.EOF {
					return nil
				}
				return err
			}
		}
	})
}
