//go:build linux

package shell

import (
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// mend rewrites what the parser delivers so that word expansion gets backslashes and nested quotes
// right. Package expand leaves a\ b as it is where it makes one string of a word, as in an assignment,
// and takes the single quotes in "${x:-'y'}" for quotes. After mending, every character that a
// backslash quotes is in quotes of its own. To mend twice does no harm.
func mend(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Word:
			n.Parts = quoteEscaped(n.Parts)
		case *syntax.DblQuoted:
			mendQuoted(n.Parts)
			return false
		case *syntax.Redirect:
			if n.Hdoc != nil {
				mendQuoted(n.Hdoc.Parts)
			}
			if n.Word != nil && n.Op != syntax.Hdoc && n.Op != syntax.DashHdoc {
				mend(n.Word)
			}
			return false
		case *syntax.BinaryTest:
			if n.Op != syntax.TsReMatch {
				return true
			}
			mend(n.X)
			if w, ok := n.Y.(*syntax.Word); ok {
				// In a regular expression a backslash stays.
				for _, part := range w.Parts {
					if _, lit := part.(*syntax.Lit); !lit {
						mend(part)
					}
				}
			}
			return false
		}
		return true
	})
}

func mendAll(list []*syntax.Stmt) []*syntax.Stmt {
	for _, st := range list {
		mend(st)
	}
	return list
}

// quoteEscaped turns \c in plain text into 'c'.
func quoteEscaped(parts []syntax.WordPart) []syntax.WordPart {
	need := false
	for _, part := range parts {
		if lit, ok := part.(*syntax.Lit); ok && strings.Contains(lit.Value, `\`) {
			need = true
		}
	}
	if !need {
		return parts
	}
	var out []syntax.WordPart
	for _, part := range parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			out = append(out, part)
			continue
		}
		text := lit.Value
		for {
			i := strings.IndexByte(text, '\\')
			if i < 0 || i == len(text)-1 {
				break
			}
			if i > 0 {
				out = append(out, &syntax.Lit{ValuePos: lit.ValuePos, ValueEnd: lit.ValueEnd, Value: text[:i]})
			}
			_, n := utf8.DecodeRuneInString(text[i+1:])
			out = append(out, doubleQuoted(lit.ValuePos, lit.ValueEnd, text[i+1:i+1+n]))
			text = text[i+1+n:]
		}
		if text != "" {
			out = append(out, &syntax.Lit{ValuePos: lit.ValuePos, ValueEnd: lit.ValueEnd, Value: text})
		}
	}
	return out
}

// mendQuoted mends what stands between double quotes, or in a here-document: expansions only.
func mendQuoted(parts []syntax.WordPart) {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.CmdSubst:
			mendAll(p.Stmts)
		case *syntax.ParamExp:
			if p.Index != nil {
				mend(p.Index)
			}
			if p.Repl != nil {
				mend(p.Repl.Orig)
				if p.Repl.With != nil {
					mend(p.Repl.With)
				}
			}
			if p.Exp == nil || p.Exp.Word == nil {
				continue
			}
			switch p.Exp.Op {
			case syntax.AlternateUnset, syntax.AlternateUnsetOrNull, syntax.DefaultUnset, syntax.DefaultUnsetOrNull,
				syntax.ErrorUnset, syntax.ErrorUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
				mendDefault(p.Exp.Word)
			default:
				mend(p.Exp.Word)
			}
		}
	}
}

// mendDefault mends the word of "${x:-word}". It counts as double-quoted, too: single quotes are
// characters, and a backslash quotes only what it quotes between double quotes.
func mendDefault(w *syntax.Word) {
	for i, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			w.Parts[i] = doubleQuoted(p.ValuePos, p.ValueEnd, unescapeQuoted(p.Value))
		case *syntax.SglQuoted:
			if !p.Dollar {
				w.Parts[i] = doubleQuoted(p.Left, p.Right, "'"+p.Value+"'")
			}
		case *syntax.DblQuoted:
			mendQuoted(p.Parts)
		}
	}
	mendQuoted(w.Parts)
}

// doubleQuoted is text between double quotes. Single ones would not do: the tree may be printed and
// parsed again, and then a single quote could not stand between them.
func doubleQuoted(from, to syntax.Pos, text string) *syntax.DblQuoted {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(text)
	return &syntax.DblQuoted{Left: from, Right: to, Parts: []syntax.WordPart{&syntax.Lit{ValuePos: from, ValueEnd: to, Value: escaped}}}
}

func unescapeQuoted(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte("$`\"\\}", text[i+1]) >= 0 {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// parse parses and mends a program.
func (s *Shell) parse(text string) ([]*syntax.Stmt, error) {
	file, err := s.parser().Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	return mendAll(file.Stmts), nil
}
