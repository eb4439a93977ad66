//go:build linux

package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/lineedit"
	"mvdan.cc/sh/v3/expand"
)

// beInteractive prepares the shell for a person at the other end.
func (s *Shell) beInteractive() {
	s.interactive = true
	s.opt.Aliases = true
	s.history = &history{}
	s.interruptible()
	// Not ignored but caught: what is ignored would stay ignored in the programs that are started.
	s.watch(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGTTOU)
	if !s.lookup("PS1").IsSet() {
		prompt := `\w\$ `
		if host, err := os.Hostname(); err == nil && host != "" {
			prompt = `\h:` + prompt
		}
		s.vars.vars["PS1"] = stringVar(prompt)
	}
	s.line = 0
}

// converse reads commands from the user until the end.
func (s *Shell) converse() {
	in, out := s.file(0), s.file(2)
	editor := (*lineedit.Editor)(nil)
	if terminal(in) && terminal(out) && s.get("TERM") != "dumb" {
		editor = &lineedit.Editor{In: in, Out: out, Complete: s.completions, Leave: s.forgetInterrupt}
		s.history.load(s.historyFile())
	}
	s.lines(func(more bool) (string, error) {
		s.interruptible()
		s.flow = flow{}
		if !more {
			s.reportJobs()
		}
		prompt := s.prompt("PS1")
		if more {
			prompt = s.prompt("PS2")
		}
		if editor == nil {
			s.write(2, prompt)
			line, err := readRawLine(in)
			if s.ctx.Err() != nil {
				s.write(2, "\n")
				return "", errAgain
			}
			return line, err
		}
		editor.History = s.history.lines
		line, err := editor.ReadLine(prompt)
		switch {
		case errors.Is(err, lineedit.ErrInterrupt):
			s.status = 130
			return "", errAgain
		case err != nil:
			return "", io.EOF
		}
		s.history.add(line, more)
		return line + "\n", nil
	})
	s.hangUp()
}

// forgetInterrupt lets go of an interrupt that was noticed while a line was edited: no key sends signals
// then, so it was meant for the command before, and only noticed late.
func (s *Shell) forgetInterrupt() {
	if s.ctx.Err() != nil {
		s.interruptible()
	}
}

// hangUp is the end of an interactive shell.
func (s *Shell) hangUp() {
	if s.flow.kind == flowNone {
		s.flow = flowOf(flowExit)
	}
	signal.Reset(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGTTOU)
}

// prompt expands a prompt: first its backslashes, then parameters and commands.
func (s *Shell) prompt(name string) string {
	text := s.promptEscapes(s.get(name))
	if !strings.ContainsAny(text, "$`") {
		return strings.ReplaceAll(text, `\\`, `\`)
	}
	word, err := s.parser().Document(strings.NewReader(text))
	if err != nil {
		return text
	}
	status := s.status
	out, err := expand.Document(s.cfg, word)
	s.status = status
	if err != nil {
		return text
	}
	return out
}

func (s *Shell) promptEscapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'u':
			var names account.Names
			b.WriteString(names.UserName(os.Geteuid()))
		case 'h', 'H':
			host, _ := os.Hostname()
			if text[i] == 'h' {
				host, _, _ = strings.Cut(host, ".")
			}
			b.WriteString(host)
		case 'w', 'W':
			dir := s.dir
			if home := s.get("HOME"); home != "" && home != "/" && (dir == home || strings.HasPrefix(dir, home+"/")) {
				dir = "~" + dir[len(home):]
			}
			if text[i] == 'W' && dir != "/" {
				dir = filepath.Base(dir)
			}
			b.WriteString(dir)
		case '$':
			if os.Geteuid() == 0 {
				b.WriteByte('#')
			} else {
				b.WriteString(`\$`)
			}
		case 's':
			b.WriteString(filepath.Base(s.name))
		case 't':
			b.WriteString(time.Now().Format("15:04:05"))
		case 'A':
			b.WriteString(time.Now().Format("15:04"))
		case 'j':
			b.WriteString(strconv.Itoa(len(s.jobs.snapshot())))
		case '!':
			b.WriteString(strconv.Itoa(len(s.history.lines) + 1))
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'a':
			b.WriteByte('\a')
		case 'e':
			b.WriteByte(0x1b)
		case '0':
			if strings.HasPrefix(text[i:], "033") {
				b.WriteByte(0x1b)
				i += 2
			}
		case '[', ']': // the editor finds out by itself what takes no place
		case '\\':
			b.WriteString(`\\`)
		default:
			b.WriteByte('\\')
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// history is what was typed.
type history struct {
	lines []string
	file  string
}

const historySize = 1000

func (s *Shell) historyFile() string {
	if v := s.lookup("HISTFILE"); v.IsSet() {
		return v.String()
	}
	if home := s.get("HOME"); home != "" {
		return home + "/.sh_history"
	}
	return ""
}

func (h *history) load(file string) {
	h.file = file
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			h.lines = append(h.lines, line)
		}
	}
	if n := len(h.lines) - historySize; n > 0 {
		h.lines = slices.Clone(h.lines[n:])
		os.WriteFile(file, []byte(strings.Join(h.lines, "\n")+"\n"), 0o600)
	}
}

// add takes in a line, unless it begins with a blank or repeats the one before. The file is written at
// once, so that nothing is lost with the terminal; if it cannot be, that is no reason to complain.
func (h *history) add(line string, more bool) {
	if strings.TrimSpace(line) == "" || line[0] == ' ' && !more || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if h.file == "" {
		return
	}
	if f, err := os.OpenFile(h.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err == nil {
		f.WriteString(line + "\n")
		f.Close()
	}
}

func historyBuiltin(s *Shell, args []string) int {
	if s.history == nil {
		return 0
	}
	if len(args) > 1 && args[1] == "-c" {
		s.history.lines = nil
		return 0
	}
	from := 0
	if len(args) > 1 {
		if n, err := strconv.Atoi(args[1]); err == nil {
			from = max(0, len(s.history.lines)-n)
		}
	}
	for i, line := range s.history.lines[from:] {
		s.write(1, fmt.Sprintf("%5d  %s\n", from+i+1, line))
	}
	return 0
}

// completions completes the word at the end of a line: the first one to a command, others to files.
func (s *Shell) completions(line string) (start int, words []string) {
	start = strings.LastIndexAny(line, " \t;|&(<>=") + 1
	word := line[start:]
	before := strings.TrimRight(line[:start], " \t")
	first := before == "" || strings.ContainsRune(";|&(", rune(before[len(before)-1]))
	if name, ok := strings.CutPrefix(word, "$"); ok {
		environ{s}.Each(func(v string, _ expand.Variable) bool {
			if strings.HasPrefix(v, name) {
				words = append(words, "$"+v)
			}
			return true
		})
	} else if first && !strings.Contains(word, "/") {
		words = s.commandsWith(word)
	} else {
		words = s.filesWith(word, strings.HasSuffix(" "+before, " cd") || strings.HasSuffix(" "+before, " rmdir"))
	}
	slices.Sort(words)
	return start, slices.Compact(words)
}

func (s *Shell) commandsWith(prefix string) (words []string) {
	add := func(name string) {
		if strings.HasPrefix(name, prefix) {
			words = append(words, name)
		}
	}
	for name := range strings.FieldsSeq(builtinNames) {
		add(name)
	}
	for name := range s.funcs {
		add(name)
	}
	for name := range s.aliases {
		add(name)
	}
	for dir := range strings.SplitSeq(s.get("PATH"), ":") {
		entries, err := os.ReadDir(s.path(dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			add(e.Name())
		}
	}
	return words
}

func (s *Shell) filesWith(word string, dirsOnly bool) (words []string) {
	shown := word[:strings.LastIndexByte(word, '/')+1]
	dir := shown
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		dir = s.get("HOME") + "/" + rest
	}
	if dir == "" {
		dir = "."
	}
	base := word[len(shown):]
	entries, err := os.ReadDir(s.path(dir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || name[0] == '.' && base == "" {
			continue
		}
		if isDir(s.path(filepath.Join(dir, name))) {
			name += "/"
		} else if dirsOnly {
			continue
		}
		words = append(words, shown+escapeWord(name))
	}
	return words
}

// escapeWord puts backslashes before what the shell would take for something else.
func escapeWord(name string) string {
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(" \t'\"\\$&;|<>()*?[]{}!#`", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
