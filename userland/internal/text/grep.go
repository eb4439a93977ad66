package text

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/libioc/ioc/userland/internal/applet"
)

// search is one run of grep.
type search struct {
	p  *applet.Proc
	re *regexp.Regexp

	invert, count, list, listOther bool
	number, quiet, only, names     bool
	word, whole, noErrors          bool
	before, after, limit           int
	found, failed                  bool
}

// errEnough ends the reading of a file whose answer is known.
var errEnough = errors.New("enough")

func grep(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	s := &search{p: p, limit: -1}
	extended, fixed := p.Name == "egrep", p.Name == "fgrep"
	var patterns []string
	given := false
	o.Func("e regexp", "PATTERN", "look for PATTERN; may be given more than once", func(v string) error {
		given = true
		patterns = append(patterns, strings.Split(v, "\n")...)
		return nil
	})
	o.Func("f file", "FILE", "take patterns from the lines of FILE", func(v string) error {
		given = true
		text, err := readAll(ctx, p, v)
		if text = strings.TrimSuffix(text, "\n"); text != "" {
			patterns = append(patterns, strings.Split(text, "\n")...)
		}
		return err
	})
	o.Func("E extended-regexp", "", "patterns are extended regular expressions", func(string) error { extended, fixed = true, false; return nil })
	o.Func("P perl-regexp", "", "", func(string) error { extended, fixed = true, false; return nil })
	o.Func("F fixed-strings", "", "patterns are plain strings", func(string) error { fixed = true; return nil })
	o.Func("G basic-regexp", "", "patterns are basic regular expressions (default)", func(string) error { extended, fixed = false, false; return nil })
	fold := o.Flag("i ignore-case", "take upper and lower case as the same")
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	flag(&s.invert, "v invert-match", "print lines that do not match")
	flag(&s.word, "w word-regexp", "match whole words")
	flag(&s.whole, "x line-regexp", "match whole lines")
	flag(&s.count, "c count", "print the number of lines that match")
	flag(&s.list, "l files-with-matches", "print the names of files that match")
	flag(&s.listOther, "L files-without-match", "print the names of files that do not match")
	flag(&s.number, "n line-number", "print line numbers")
	flag(&s.only, "o only-matching", "print only the parts that match")
	flag(&s.quiet, "q quiet", "print nothing; the exit status tells")
	o.Func("silent", "", "", func(string) error { s.quiet = true; return nil })
	flag(&s.noErrors, "s no-messages", "do not report files that cannot be read")
	hide, show := false, false
	flag(&hide, "h no-filename", "print no file names")
	flag(&show, "H with-filename", "print file names")
	recursive := o.Flag("r recursive", "search directories")
	o.Func("R", "", "", func(string) error { *recursive = true; return nil })
	include := o.List("include", "GLOB", "with -r, search only files whose name matches")
	exclude := o.List("exclude", "GLOB", "with -r, do not search files whose name matches")
	num := func(v *int, names, help string) {
		o.Func(names, "N", help, func(text string) error {
			n, err := applet.ParseSize(text)
			*v = int(n)
			return err
		})
	}
	num(&s.limit, "m max-count", "stop after N lines of a file")
	num(&s.after, "A after-context", "print N lines after each match")
	num(&s.before, "B before-context", "print N lines before each match")
	o.Func("C context", "N", "print N lines before and after", func(text string) error {
		n, err := applet.ParseSize(text)
		s.before, s.after = int(n), int(n)
		return err
	})
	o.Func("color", "", "", func(string) error { return nil })
	o.Ignored("a text")
	o.Note("The status is 0 if a line matched, 1 if none did, 2 after an error.")
	for i, arg := range p.Args {
		if strings.HasPrefix(arg, "--color=") || strings.HasPrefix(arg, "--colour") {
			p.Args[i] = "--color"
		}
	}
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if !given {
		if len(args) == 0 {
			return applet.Usagef("a pattern is needed")
		}
		patterns, args = strings.Split(args[0], "\n"), args[1:]
	}
	if s.re, err = s.compile(patterns, extended, fixed, *fold); err != nil {
		p.Errorf("%s", err)
		return applet.Exit(2)
	}
	s.names = (len(args) > 1 || *recursive || show) && !hide
	files := args
	if *recursive {
		files = s.walk(args, *include, *exclude)
	} else if len(args) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := s.file(ctx, name); err != nil {
			return err
		}
		if s.found && s.quiet {
			return nil
		}
	}
	switch {
	case s.failed:
		return applet.Exit(2)
	case !s.found:
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

func readAll(ctx context.Context, p *applet.Proc, name string) (string, error) {
	r, err := p.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

func (s *search) compile(patterns []string, extended, fixed, fold bool) (*regexp.Regexp, error) {
	var branches []string
	for _, pattern := range patterns {
		src := regexp.QuoteMeta(pattern)
		if !fixed {
			var err error
			if src, err = translate(pattern, extended); err != nil {
				return nil, err
			}
		}
		branches = append(branches, "(?:"+src+")")
	}
	src := strings.Join(branches, "|")
	if len(branches) == 0 {
		src = `[^\x00-\x{10FFFF}]` // no pattern matches nothing
	}
	if s.whole {
		src = "^(?:" + src + ")$"
	} else if s.word {
		src = `(?:^|\W)(?:` + src + `)(?:\W|$)`
	}
	if fold {
		src = "(?i)" + src
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, fmt.Errorf("bad pattern %q", strings.Join(patterns, "\n"))
	}
	re.Longest()
	return re, nil
}

func (s *search) walk(roots, include, exclude []string) []string {
	if len(roots) == 0 {
		roots = []string{"."}
	}
	matches := func(globs []string, name string) bool {
		for _, g := range globs {
			if ok, _ := path.Match(g, name); ok {
				return true
			}
		}
		return false
	}
	var files []string
	for _, root := range roots {
		s.walkDir(root, func(name string) {
			base := path.Base(name)
			if len(include) > 0 && !matches(include, base) || matches(exclude, base) {
				return
			}
			files = append(files, name)
		})
	}
	return files
}

func (s *search) walkDir(name string, add func(string)) {
	fi, err := os.Lstat(s.p.Path(name))
	switch {
	case err != nil:
		s.fail(name, err)
	case fi.IsDir():
		entries, err := os.ReadDir(s.p.Path(name))
		if err != nil {
			s.fail(name, err)
		}
		for _, e := range entries {
			s.walkDir(strings.TrimSuffix(name, "/")+"/"+e.Name(), add)
		}
	case fi.Mode().IsRegular():
		add(name)
	}
}

func (s *search) fail(name string, err error) {
	s.failed = true
	if !s.noErrors {
		s.p.Fail(name, err)
	}
}

func (s *search) file(ctx context.Context, name string) error {
	r, err := s.p.Open(ctx, name)
	if err != nil {
		s.fail(name, err)
		return nil
	}
	defer r.Close()
	if f := applet.File(r); f != nil && name != "-" {
		if fi, err := f.Stat(); err == nil && fi.IsDir() {
			s.fail(name, errors.New("is a directory"))
			return nil
		}
	}
	label := name
	if name == "-" {
		label = "(standard input)"
	}
	f := &fileSearch{search: s, label: label, printed: -1}
	err = eachLine(ctx, r, f.line)
	if err != nil && err != errEnough {
		if w, ok := errors.AsType[*applet.WriteError](err); ok {
			return w.Err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.fail(name, err)
	}
	f.finish()
	return nil
}

// fileSearch is the search in one file.
type fileSearch struct {
	*search
	label   string
	n       int // lines read
	hits    int
	printed int // the last line printed
	after   int // lines still to be printed after a match
	held    [][]byte
}

func (f *fileSearch) line(line []byte, _ bool) error {
	f.n++
	if f.limit == 0 {
		return errEnough
	}
	hit := f.re.Match(line)
	if hit && f.word && !f.only {
		hit = len(f.spans(line)) > 0
	}
	if hit == f.invert {
		return f.context(line)
	}
	f.hits++
	f.found = true
	switch {
	case f.quiet, f.list, f.listOther:
		return errEnough
	case f.count:
	case f.only && !f.invert:
		for _, span := range f.spans(line) {
			f.print(f.n, ':', line[span[0]:span[1]])
		}
	case !f.only:
		for i, old := range f.held {
			f.print(f.n-len(f.held)+i, '-', old)
		}
		f.held = f.held[:0]
		f.print(f.n, ':', line)
	}
	f.after = f.search.after
	if f.hits == f.limit && f.after == 0 {
		return errEnough
	}
	if err := f.p.EndLine(); err != nil {
		return &applet.WriteError{Err: err}
	}
	return nil
}

// context handles a line that was not looked for but may be printed around one that was.
func (f *fileSearch) context(line []byte) error {
	if f.count || f.quiet || f.list || f.listOther || f.only {
		return nil
	}
	if f.after > 0 {
		f.after--
		f.print(f.n, '-', line)
		if f.after == 0 && f.hits == f.limit {
			return errEnough
		}
		return nil
	}
	if f.before > 0 {
		if len(f.held) == f.before {
			f.held = f.held[1:]
		}
		f.held = append(f.held, bytes.Clone(line))
	}
	return nil
}

func (f *fileSearch) print(n int, mark byte, line []byte) {
	out := f.p.Out()
	if (f.before > 0 || f.search.after > 0) && f.printed >= 0 && n > f.printed+1 {
		out.WriteString("--\n")
	}
	f.printed = n
	if f.names {
		out.WriteString(f.label)
		out.WriteByte(mark)
	}
	if f.number {
		f.p.Printf("%d%c", n, mark)
	}
	out.Write(line)
	out.WriteByte('\n')
}

// spans lists the parts of a line that match, without the characters around a word.
func (f *fileSearch) spans(line []byte) [][2]int {
	var spans [][2]int
	if !f.word || f.whole {
		for _, m := range f.re.FindAllIndex(line, -1) {
			if m[1] > m[0] {
				spans = append(spans, [2]int{m[0], m[1]})
			}
		}
		return spans
	}
	for at := 0; at <= len(line); {
		m := f.re.FindIndex(line[at:])
		if m == nil {
			break
		}
		from, to := at+m[0], at+m[1]
		next := to
		if from < to && !isWord(line[from]) {
			from++
		}
		if to > from && !isWord(line[to-1]) {
			to--
			next = to
		}
		if to > from {
			spans = append(spans, [2]int{from, to})
		}
		if next <= at {
			next = at + 1
		}
		at = next
	}
	return spans
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (f *fileSearch) finish() {
	switch {
	case f.quiet:
	case f.list && f.hits > 0, f.listOther && f.hits == 0:
		f.p.Println(f.label)
		if f.listOther {
			f.found = true
		}
	case f.list, f.listOther:
	case f.count:
		if f.names {
			f.p.Printf("%s:", f.label)
		}
		f.p.Printf("%d\n", f.hits)
	}
}
