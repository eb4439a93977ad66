//go:build linux

package archive

import (
	"bufio"
	"context"
	"crypto/md5"  //nolint:gosec // a checksum that people ask for
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

func newHash(applet string) hash.Hash {
	switch applet {
	case "md5sum":
		return md5.New() //nolint:gosec // see the import
	case "sha1sum":
		return sha1.New() //nolint:gosec // see the import
	case "sha512sum":
		return sha512.New()
	}
	return sha256.New()
}

func sums(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	check := o.Flag("c check", "read sums from the files and check them")
	quiet := o.Flag("q quiet", "with -c, print only failures")
	silent := o.Flag("s status", "with -c, print nothing; the exit status tells")
	o.Ignored("b binary")
	o.Ignored("t text")
	o.Ignored("w warn")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	sum := func(r io.Reader) (string, error) {
		h := newHash(p.Name)
		_, err := applet.Copy(ctx, h, r)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	if !*check {
		return p.EachInput(ctx, files, func(name string, r io.Reader) error {
			text, err := sum(r)
			if err == nil {
				p.Println(text + "  " + name)
			}
			return err
		})
	}
	bad := 0
	err = p.EachInput(ctx, files, func(list string, r io.Reader) error {
		lines := 0
		for s := bufio.NewScanner(r); s.Scan(); {
			want, name, ok := strings.Cut(s.Text(), " ")
			if !ok || len(want) != 2*newHash(p.Name).Size() {
				continue
			}
			lines++
			name = strings.TrimPrefix(strings.TrimPrefix(name, " "), "*")
			got := ""
			f, err := p.Open(ctx, name)
			if err == nil {
				got, err = sum(f)
				f.Close()
			}
			result := "OK"
			switch {
			case err != nil:
				p.Fail(name, err)
				result = "FAILED to open or read"
				bad++
			case !strings.EqualFold(got, want):
				result = "FAILED"
				bad++
			}
			if !*silent && !(*quiet && result == "OK") {
				p.Println(name + ": " + result)
			}
		}
		if lines == 0 {
			p.Errorf("%s: no sums found", list)
		}
		return nil
	})
	if err == nil && bad > 0 {
		if !*silent {
			p.Errorf("%d sums did not match", bad)
		}
		return applet.Exit(1)
	}
	return err
}

func cksum(ctx context.Context, p *applet.Proc) error {
	files, err := p.Options().Parse()
	if err != nil {
		return err
	}
	table := crcTable()
	return p.EachInput(ctx, files, func(name string, r io.Reader) error {
		crc, n := uint32(0), int64(0)
		buf := make([]byte, 32<<10)
		for {
			k, err := r.Read(buf)
			n += int64(k)
			for _, c := range buf[:k] {
				crc = crc<<8 ^ table[byte(crc>>24)^c]
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		for size := n; size > 0; size >>= 8 {
			crc = crc<<8 ^ table[byte(crc>>24)^byte(size)]
		}
		p.Printf("%d %d", ^crc, n)
		if len(files) > 0 {
			p.Printf(" %s", name)
		}
		p.Printf("\n")
		return nil
	})
}

// crcTable is that of POSIX's cksum: the Ethernet polynomial with the high bit first.
func crcTable() (table [256]uint32) {
	for i := range table {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	return table
}

func base64Codec(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	decode := o.Flag("d decode", "decode")
	o.Func("D", "", "", func(string) error { *decode = true; return nil })
	wrap := o.Int("w wrap", "N", 76, "break lines after N characters; 0 does not")
	o.Ignored("i ignore-garbage")
	files, err := o.Parse()
	if err != nil {
		return err
	}
	return p.EachInput(ctx, files, func(_ string, r io.Reader) error {
		if *decode {
			_, err := io.Copy(p.Out(), base64.NewDecoder(base64.StdEncoding, r))
			return err
		}
		w := &wrapper{w: p.Out(), width: *wrap}
		enc := base64.NewEncoder(base64.StdEncoding, w)
		if _, err := io.Copy(enc, r); err != nil {
			return err
		}
		enc.Close()
		if w.width > 0 && w.column > 0 {
			p.Printf("\n")
		}
		return nil
	})
}

// wrapper breaks what is written into lines.
type wrapper struct {
	w             *bufio.Writer
	width, column int
}

func (w *wrapper) Write(b []byte) (int, error) {
	if w.width <= 0 {
		return w.w.Write(b)
	}
	for i, c := range b {
		w.w.WriteByte(c)
		if w.column++; w.column == w.width {
			w.column = 0
			if err := w.w.WriteByte('\n'); err != nil {
				return i, err
			}
		}
	}
	return len(b), nil
}
