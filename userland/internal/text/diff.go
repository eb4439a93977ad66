package text

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

func cmp(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	silent := o.Flag("s quiet", "print nothing; the exit status tells")
	o.Func("silent", "", "", func(string) error { *silent = true; return nil })
	list := o.Flag("l verbose", "print all bytes that differ")
	o.Note("The status is 0 if the files are the same, 1 if they differ, 2 after an error.")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 1 {
		args = append(args, "-")
	}
	if len(args) != 2 {
		return applet.Usagef("two files are needed")
	}
	var in [2]*bufio.Reader
	for i, name := range args {
		r, err := p.Open(ctx, name)
		if err != nil {
			p.Fail(name, err)
			return applet.Exit(2)
		}
		defer r.Close()
		in[i] = bufio.NewReader(r)
	}
	differ := false
	for at, line := 1, 1; ; at++ {
		a, errA := in[0].ReadByte()
		b, errB := in[1].ReadByte()
		if errA != nil || errB != nil {
			if errA == io.EOF && errB == io.EOF {
				break
			}
			short := 0
			if errB != nil {
				short = 1
			}
			if !*silent {
				p.Errorf("EOF on %s after byte %d", args[short], at-1)
			}
			return applet.Exit(1)
		}
		if a != b {
			differ = true
			switch {
			case *silent:
				return applet.Exit(1)
			case *list:
				p.Printf("%6d %3o %3o\n", at, a, b)
			default:
				p.Printf("%s %s differ: byte %d, line %d\n", args[0], args[1], at, line)
				return applet.Exit(1)
			}
		}
		if a == '\n' {
			line++
		}
	}
	if differ {
		return applet.Exit(1)
	}
	return nil
}

func diff(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	lines := o.Int("U unified", "N", 3, "show N lines around each change")
	brief := o.Flag("q brief", "only tell whether the files differ")
	blanks := o.Flag("b ignore-space-change", "ignore changes in the amount of blanks")
	all := o.Flag("w ignore-all-space", "ignore blanks")
	fold := o.Flag("i ignore-case", "ignore the difference of upper and lower case")
	recursive := o.Flag("r recursive", "compare directories")
	absent := o.Flag("N new-file", "take absent files as empty")
	o.Ignored("u")
	o.Note("The status is 0 if the files are the same, 1 if they differ, 2 after an error.")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) != 2 {
		return applet.Usagef("two files are needed")
	}
	d := &differ{p: p, ctx: ctx, around: *lines, brief: *brief, recursive: *recursive, absent: *absent}
	d.key = func(s string) string {
		if *all {
			s = strings.Join(strings.Fields(s), "")
		} else if *blanks {
			s = strings.TrimRight(strings.Join(strings.Fields(" "+s), " "), " ")
		}
		if *fold {
			s = strings.ToLower(s)
		}
		return s
	}
	d.compare(args[0], args[1])
	switch {
	case p.Failed():
		return applet.Exit(2)
	case d.differs:
		return applet.Exit(1)
	}
	return nil
}

type differ struct {
	p                        *applet.Proc
	ctx                      context.Context
	around                   int
	brief, recursive, absent bool
	key                      func(string) string
	differs                  bool
}

func (d *differ) stat(name string) (os.FileInfo, error) {
	if name == "-" {
		return nil, nil
	}
	return os.Stat(d.p.Path(name))
}

func (d *differ) compare(a, b string) {
	fa, errA := d.stat(a)
	fb, errB := d.stat(b)
	dirA, dirB := fa != nil && fa.IsDir(), fb != nil && fb.IsDir()
	switch {
	case dirA && dirB:
		d.directories(a, b)
		return
	case dirA && errB == nil:
		a += "/" + b[strings.LastIndexByte(b, '/')+1:]
	case dirB && errA == nil:
		b += "/" + a[strings.LastIndexByte(a, '/')+1:]
	}
	x, ok := d.read(a)
	y, ok2 := d.read(b)
	if !ok || !ok2 || x == y {
		return
	}
	if d.brief || strings.ContainsRune(x+y, 0) {
		d.differs = true
		what := "Files"
		if !d.brief {
			what = "Binary files"
		}
		d.p.Printf("%s %s and %s differ\n", what, a, b)
		return
	}
	d.print(a, b, splitLines(x), splitLines(y))
}

func (d *differ) read(name string) (string, bool) {
	text, err := readAll(d.ctx, d.p, name)
	if os.IsNotExist(err) && d.absent {
		return "", true
	}
	d.p.Fail(name, err)
	return text, err == nil
}

func (d *differ) directories(a, b string) {
	names := func(dir string) []string {
		entries, err := os.ReadDir(d.p.Path(dir))
		d.p.Fail(dir, err)
		var out []string
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	in := [2][]string{names(a), names(b)}
	all := slices.Concat(in[0], in[1])
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		x, y := a+"/"+name, b+"/"+name
		only := ""
		if !slices.Contains(in[0], name) {
			only = b
		} else if !slices.Contains(in[1], name) {
			only = a
		}
		fx, _ := d.stat(x)
		fy, _ := d.stat(y)
		switch {
		case only != "" && !d.absent:
			d.differs = true
			d.p.Printf("Only in %s: %s\n", only, name)
		case fx != nil && fy != nil && fx.IsDir() && fy.IsDir() && !d.recursive:
			d.p.Printf("Common subdirectories: %s and %s\n", x, y)
		default:
			d.compare(x, y)
		}
	}
}

func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit is a run of lines: in both files, or only in one.
type edit struct {
	op     byte // ' ', '-', '+'
	ai, bi int  // where it stands in either file
	n      int
}

func (d *differ) print(nameA, nameB string, a, b []string) {
	keys := func(lines []string) []string {
		out := make([]string, len(lines))
		for i, line := range lines {
			text, ended := strings.CutSuffix(line, "\n")
			if out[i] = d.key(text); !ended {
				out[i] += "\x00" // a last line without a newline differs from one with it
			}
		}
		return out
	}
	edits := edits(keys(a), keys(b))
	if !slices.ContainsFunc(edits, func(e edit) bool { return e.op != ' ' }) {
		return
	}
	d.differs = true
	stamp := func(name string) string {
		if fi, err := d.stat(name); err == nil && fi != nil {
			return name + "\t" + fi.ModTime().Format("2006-01-02 15:04:05.000000000 -0700")
		}
		return name
	}
	d.p.Printf("--- %s\n+++ %s\n", stamp(nameA), stamp(nameB))
	for len(edits) > 0 {
		edits = d.hunk(edits, a, b)
	}
}

// hunk prints the first change with what is near it, and returns the rest.
func (d *differ) hunk(edits []edit, a, b []string) []edit {
	if edits[0].op == ' ' {
		if len(edits) == 1 {
			return nil
		}
		e := &edits[0]
		if cut := e.n - d.around; cut > 0 {
			e.ai, e.bi, e.n = e.ai+cut, e.bi+cut, e.n-cut
		}
	}
	var hunk []edit
	for i, e := range edits {
		if e.op == ' ' && i > 0 && (e.n > 2*d.around || i == len(edits)-1) {
			head := e
			head.n = min(e.n, d.around)
			hunk = append(hunk, head)
			edits = edits[i:]
			break
		}
		hunk = append(hunk, e)
		if i == len(edits)-1 {
			edits = nil
		}
	}
	na, nb := 0, 0
	for _, e := range hunk {
		if e.op != '+' {
			na += e.n
		}
		if e.op != '-' {
			nb += e.n
		}
	}
	at := func(i, n int) string {
		if n == 0 {
			return fmt.Sprintf("%d,0", i)
		}
		if n == 1 {
			return fmt.Sprint(i + 1)
		}
		return fmt.Sprintf("%d,%d", i+1, n)
	}
	d.p.Printf("@@ -%s +%s @@\n", at(hunk[0].ai, na), at(hunk[0].bi, nb))
	for _, e := range hunk {
		lines := a[e.ai:]
		if e.op == '+' {
			lines = b[e.bi:]
		}
		for _, line := range lines[:e.n] {
			d.p.Printf("%c%s", e.op, line)
			if !strings.HasSuffix(line, "\n") {
				d.p.Printf("\n\\ No newline at end of file\n")
			}
		}
	}
	if len(edits) == 1 {
		return nil
	}
	return edits
}

// edits finds a shortest way from a to b, by Myers' greedy algorithm.
func edits(a, b []string) []edit {
	type trace []int
	n, m := len(a), len(b)
	limit := n + m
	v := make([]int, 2*limit+2)
	var traces []trace
	depth := 0
search:
	for d := 0; d <= limit; d++ {
		traces = append(traces, slices.Clone(v[limit-d:limit+d+2]))
		for k := -d; k <= d; k += 2 {
			x := 0
			if k == -d || k != d && v[limit+k-1] < v[limit+k+1] {
				x = v[limit+k+1]
			} else {
				x = v[limit+k-1] + 1
			}
			y := x - k
			for x < n && y < m && a[x] == b[y] {
				x, y = x+1, y+1
			}
			v[limit+k] = x
			if x >= n && y >= m {
				depth = d
				break search
			}
		}
	}
	var back []edit
	add := func(op byte, x, y int) {
		if k := len(back); k > 0 && back[k-1].op == op && (op != ' ' || back[k-1].ai == x+1) {
			e := &back[k-1]
			e.ai, e.bi, e.n = x, y, e.n+1
			return
		}
		back = append(back, edit{op, x, y, 1})
	}
	x, y := n, m
	for d := depth; d > 0; d-- {
		t := traces[d] // v before round d, for diagonals -d..d+1
		at := func(k int) int { return t[k+d] }
		k := x - y
		prev := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			prev = k + 1
		}
		px := at(prev)
		py := px - prev
		for x > px && y > py && x > 0 && y > 0 && a[x-1] == b[y-1] {
			x, y = x-1, y-1
			add(' ', x, y)
		}
		if prev == k+1 {
			y--
			add('+', x, y)
		} else {
			x--
			add('-', x, y)
		}
	}
	for x > 0 && y > 0 {
		x, y = x-1, y-1
		add(' ', x, y)
	}
	slices.Reverse(back)
	return back
}
