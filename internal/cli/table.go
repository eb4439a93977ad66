package cli

import (
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// table is a result in columns: for people with a header and aligned, for scripts separated by tabs.
type table struct {
	script bool
	width  int // of the screen; 0: there is none
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
			widths[i] = max(widths[i], displaywidth.String(cell))
		}
	}
	for _, row := range all {
		column := 0
		for i, cell := range row {
			if i == len(row)-1 {
				b.WriteString(t.cut(cell, column))
				break
			}
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-displaywidth.String(cell)+2))
			column += widths[i] + 2
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// leastCut is what is left of a last column at least.
const leastCut = 4

// cut shortens the last cell of a line, which begins in column, to what is on the screen.
func (t *table) cut(cell string, column int) string {
	if t.width == 0 {
		return cell
	}
	return displaywidth.TruncateString(cell, max(t.width-column, leastCut), "...")
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
