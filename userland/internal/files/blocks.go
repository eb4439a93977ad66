//go:build linux

package files

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

func truncate(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	size := o.String("s size", "[+-]N", "", "set the size to N, or change it by N")
	noCreate := o.Flag("c no-create", "do not make files")
	reference := o.String("r reference", "FILE", "", "use the size of FILE")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if *size == "" && *reference == "" || len(args) == 0 {
		return applet.Usagef("a size and a file are needed")
	}
	sign := byte(0)
	if *size != "" && ((*size)[0] == '+' || (*size)[0] == '-') {
		sign, *size = (*size)[0], (*size)[1:]
	}
	n := int64(0)
	if *reference != "" {
		fi, err := os.Stat(p.Path(*reference))
		if err != nil {
			return err
		}
		n = fi.Size()
	} else if n, err = applet.ParseSize(*size); err != nil {
		return err
	}
	for _, name := range args {
		flags := os.O_WRONLY
		if !*noCreate {
			flags |= os.O_CREATE
		}
		f, err := os.OpenFile(p.Path(name), flags, 0o666)
		if os.IsNotExist(err) && *noCreate {
			continue
		}
		if err != nil {
			p.Fail(name, err)
			continue
		}
		to := n
		if fi, err := f.Stat(); err == nil {
			switch sign {
			case '+':
				to = fi.Size() + n
			case '-':
				to = max(0, fi.Size()-n)
			}
		}
		p.Fail(name, f.Truncate(to))
		f.Close()
	}
	return nil
}

func sync(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	data := o.Flag("d data", "only the data of the files, not what is known about them")
	whole := o.Flag("f file-system", "the file systems that hold the files")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		unix.Sync()
		return nil
	}
	for _, name := range args {
		f, err := os.Open(p.Path(name))
		if err != nil {
			p.Fail(name, err)
			continue
		}
		switch fd := int(f.Fd()); {
		case *whole:
			err = unix.Syncfs(fd)
		case *data:
			err = unix.Fdatasync(fd)
		default:
			err = unix.Fsync(fd)
		}
		p.Fail(name, err)
		f.Close()
	}
	return nil
}

// transfer is one run of dd.
type transfer struct {
	in, out            string
	ibs, obs           int64
	count, skip, seek  int64
	noTrunc, keepGoing bool
	syncBlocks, fsync  bool
	appendTo, fullRead bool
	countBytes         bool
	status             string
}

func dd(ctx context.Context, p *applet.Proc) error {
	if p.Help("  if=FILE, of=FILE      read and write these instead of standard input and output\n" +
		"  bs=N, ibs=N, obs=N    blocks of N bytes (512)\n  count=N, skip=N, seek=N  blocks to copy, to leave out of the input, to pass over in the output\n" +
		"  conv=notrunc,noerror,sync,fsync  iflag=fullblock,count_bytes  oflag=append  status=none|noxfer") {
		return nil
	}
	t := &transfer{ibs: 512, obs: 512, count: -1}
	for _, arg := range p.Args {
		if err := t.set(arg); err != nil {
			return err
		}
	}
	in := p.Stdin
	if t.in != "" {
		f, err := p.Open(ctx, t.in)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	out := p.Stdout
	var target *os.File
	if t.out != "" {
		flags := os.O_WRONLY | os.O_CREATE
		if t.appendTo {
			flags |= os.O_APPEND
		}
		f, err := os.OpenFile(p.Path(t.out), flags, 0o666)
		if err != nil {
			return err
		}
		defer f.Close()
		if !t.noTrunc && !t.appendTo {
			// Devices cannot be truncated, and need not.
			f.Truncate(t.seek * t.obs)
		}
		target, out = f, f
	}
	if t.seek > 0 {
		f := applet.File(out)
		if f == nil {
			return fmt.Errorf("cannot seek in the output")
		}
		if _, err := f.Seek(t.seek*t.obs, io.SeekCurrent); err != nil {
			return fmt.Errorf("cannot seek in the output: %s", applet.Reason(err))
		}
	}
	start := time.Now()
	n, fullIn, partIn, err := t.run(ctx, p, in, out)
	if err == nil && t.fsync && target != nil {
		err = target.Sync()
	}
	if t.status != "none" {
		fmt.Fprintf(p.Stderr, "%d+%d records in\n%d+%d records out\n", fullIn, partIn, fullIn, partIn)
		if t.status != "noxfer" {
			s := max(time.Since(start).Seconds(), 1e-9)
			fmt.Fprintf(p.Stderr, "%d bytes (%s) copied, %.6f s, %s/s\n", n, applet.Human(n), s, applet.Human(int64(float64(n)/s)))
		}
	}
	return err
}

func (t *transfer) set(arg string) (err error) {
	name, value, ok := strings.Cut(arg, "=")
	if !ok {
		return applet.Usagef("%q is not NAME=VALUE", arg)
	}
	size := func(v ...*int64) {
		var n int64 = 1
		for factor := range strings.SplitSeq(value, "x") {
			var f int64
			if f, err = applet.ParseSize(factor); err != nil {
				return
			}
			n *= f
		}
		for _, p := range v {
			*p = n
		}
	}
	switch name {
	case "if":
		t.in = value
	case "of":
		t.out = value
	case "bs":
		size(&t.ibs, &t.obs)
	case "ibs":
		size(&t.ibs)
	case "obs":
		size(&t.obs)
	case "count":
		size(&t.count)
	case "skip", "iseek":
		size(&t.skip)
	case "seek", "oseek":
		size(&t.seek)
	case "status":
		t.status = value
	case "conv", "iflag", "oflag":
		for word := range strings.SplitSeq(value, ",") {
			switch word {
			case "notrunc":
				t.noTrunc = true
			case "noerror":
				t.keepGoing = true
			case "sync":
				t.syncBlocks = true
			case "fsync", "fdatasync":
				t.fsync = true
			case "append":
				t.appendTo = true
			case "fullblock":
				t.fullRead = true
			case "count_bytes":
				t.countBytes = true
			default:
				return applet.Usagef("%s: unknown word %q", name, word)
			}
		}
	default:
		return applet.Usagef("unknown operand %q", name)
	}
	if err == nil && (t.ibs < 1 || t.obs < 1) {
		err = applet.Usagef("a block must have at least 1 byte")
	}
	return err
}

func (t *transfer) run(ctx context.Context, p *applet.Proc, in io.Reader, out io.Writer) (n, full, part int64, err error) {
	if t.skip > 0 {
		f := applet.File(in)
		skipped := false
		if f != nil {
			if fi, err := f.Stat(); err == nil && (fi.Mode().IsRegular() || fi.Mode()&os.ModeDevice != 0) {
				_, err := f.Seek(t.skip*t.ibs, io.SeekCurrent)
				skipped = err == nil
			}
		}
		if !skipped {
			if _, err := io.CopyN(io.Discard, in, t.skip*t.ibs); err != nil && err != io.EOF {
				return 0, 0, 0, err
			}
		}
	}
	buf := make([]byte, t.ibs)
	for blocks := int64(0); t.count < 0 || (t.countBytes && n < t.count) || (!t.countBytes && blocks < t.count); blocks++ {
		if err := ctx.Err(); err != nil {
			return n, full, part, err
		}
		want := buf
		if t.countBytes && t.count >= 0 {
			want = buf[:min(t.ibs, t.count-n)]
		}
		var k int
		if t.fullRead {
			k, err = io.ReadFull(in, want)
		} else {
			k, err = in.Read(want)
		}
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		if k == 0 && err == io.EOF {
			return n, full, part, nil
		}
		if err != nil && err != io.EOF {
			if !t.keepGoing {
				return n, full, part, err
			}
			p.Errorf("%s", applet.Reason(err))
			applet.File(in).Seek(t.ibs, io.SeekCurrent)
		}
		if int64(k) == t.ibs {
			full++
		} else {
			part++
			if t.syncBlocks {
				clear(buf[k:])
				k = len(buf)
			}
		}
		if _, err := out.Write(buf[:k]); err != nil {
			return n, full, part, err
		}
		n += int64(k)
	}
	return n, full, part, nil
}
