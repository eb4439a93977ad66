package cli

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
)

// grid is a result in named columns that can be chosen, sorted and written in several forms.
type grid struct {
	script bool
	format string
	output string // of the user: columns
	sortBy string // columns, "-" before one that goes down

	columns []string
	rows    [][]cell
	width   int // of the screen, on which no line of a table goes on in the next; 0: there is none
}

// formats of a grid.
const formats = "table, csv, json, yaml, list"

func (g *grid) addFlags(cmd *cobra.Command) { g.addFlagsWith(cmd, "f") }

// addFlagsWith is for commands in which -f is something else: short is that of --format, and may be empty.
func (g *grid) addFlagsWith(cmd *cobra.Command, short string) {
	flags := cmd.Flags()
	flags.StringVarP(&g.output, "output", "o", "", "show these `COLUMNS`, separated by commas")
	flags.StringVarP(&g.sortBy, "sort", "s", "", "sort by these `COLUMNS`; one with a - in front goes down")
	flags.StringVarP(&g.format, "format", short, "table", "write `FORM`: table, csv, json, yaml, or list, which is separated by tabs")
	flags.BoolVarP(&g.script, "scripted", "H", false, "no header, columns separated by one tab")
}

// check refuses a form that there is not.
func (g *grid) check(cmd *cobra.Command) error {
	if !slices.Contains(strings.Split(formats, ", "), g.format) {
		return misuse(cmd, "--format %s is none of %s", g.format, formats)
	}
	return nil
}

// plain says that no form was asked for.
func (g *grid) plain() bool { return !g.script && g.format == "table" && g.output == "" }

// choose takes the columns that were asked for, else those given. Know says whether there is one, and knows
// the names to suggest.
func (g *grid) choose(usual []string, know func(name string) bool, all []string) error {
	g.columns = usual
	if g.output != "" {
		g.columns = list(g.output)
	}
	for _, name := range slices.Concat(g.columns, g.sortColumns()) {
		if know(name) {
			continue
		}
		err := fault.New("", fault.Invalid, "column "+name, errors.New("there is none of that name"))
		if near := nearest.Word(name, all); near != "" {
			return err.WithRemedy("did you mean " + near + "?")
		}
		return err.WithRemedy("these are columns: " + strings.Join(all, " "))
	}
	return nil
}

// chooseOf is choose where all is all that there is.
func (g *grid) chooseOf(usual, all []string) error {
	return g.choose(usual, func(name string) bool { return slices.Contains(all, name) }, all)
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func (g *grid) sortColumns() []string {
	var all []string
	for _, name := range list(g.sortBy) {
		all = append(all, strings.TrimPrefix(name, "-"))
	}
	return all
}

// fill makes a row of each item and sorts them.
func fill[T any](g *grid, items []T, value func(item T, column string) cell) {
	for _, item := range items {
		row := make([]cell, 0, len(g.columns))
		for _, name := range g.columns {
			row = append(row, value(item, name))
		}
		g.rows = append(g.rows, row)
	}
	by := list(g.sortBy)
	if len(by) == 0 {
		return
	}
	type keyed struct{ row, key []cell }
	all := make([]keyed, 0, len(items))
	for i, item := range items {
		k := keyed{row: g.rows[i]}
		for _, name := range by {
			k.key = append(k.key, value(item, strings.TrimPrefix(name, "-")))
		}
		all = append(all, k)
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		for i := range by {
			n := a.key[i].compare(b.key[i])
			if by[i][0] == '-' {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	for i := range all {
		g.rows[i] = all[i].row
	}
}

// String is the grid in its form, each line with its end.
func (g *grid) String() string {
	switch g.format {
	case "json":
		return g.json()
	case "yaml":
		return g.yaml()
	case "csv":
		return g.csv()
	}
	t := table{script: g.script || g.format == "list", width: g.width}
	for _, name := range g.columns {
		t.head = append(t.head, strings.ToUpper(name))
	}
	if g.format == "list" && !g.script {
		t.rows = append(t.rows, t.head)
	}
	for _, row := range g.rows {
		t.row(texts(row)...)
	}
	return t.String()
}

func texts(row []cell) []string {
	all := make([]string, 0, len(row))
	for _, c := range row {
		all = append(all, c.text)
	}
	return all
}

func (g *grid) csv() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if !g.script {
		_ = w.Write(g.columns) // to memory
	}
	for _, row := range g.rows {
		_ = w.Write(texts(row)) // as above
	}
	w.Flush()
	return b.String()
}

// json is a list of objects whose members are the columns, in their order.
func (g *grid) json() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, row := range g.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  {")
		for j, c := range row {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(words(g.columns[j]).json() + ": " + c.json())
		}
		b.WriteByte('}')
	}
	if len(g.rows) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return b.String()
}

// yaml is the same in blocks: every JSON scalar is one of YAML's.
func (g *grid) yaml() string {
	if len(g.rows) == 0 {
		return "[]\n"
	}
	var b strings.Builder
	for _, row := range g.rows {
		lead := "- "
		for j, c := range row {
			b.WriteString(lead + words(g.columns[j]).json() + ": " + c.json() + "\n")
			lead = "  "
		}
	}
	return b.String()
}
