package cli

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is a result in columns: for people with a header and aligned, for scripts separated by tabs.
type table struct {
	script bool
	head   []string
	rows   [][]string
}

func (t *table) header(names ...string) { t.head = names }

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		if cells[i] = strings.Join(strings.Fields(cell), " "); cells[i] == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, cells)
}

// String is the table, each line with its end.
func (t *table) String() string {
	var b strings.Builder
	if t.script {
		for _, row := range t.rows {
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
		return b.String()
	}
	all := append([][]string{t.head}, t.rows...)
	widths := make([]int, len(t.head))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// size is a number of bytes for people; negative: not known.
func size(n int64) string {
	if n < 0 {
		return "-"
	}
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(units)-1 {
		f /= 1024
		unit++
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + units[unit:unit+1]
}
