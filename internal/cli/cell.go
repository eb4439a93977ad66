package cli

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/internal/natural"
)

// cell is one value of a grid: as people read it, as programs do, and how it compares with others of its column.
type cell struct {
	text   string  // empty: nothing is known
	raw    any     // of JSON: string, number, bool or nil
	number float64 // what it is sorted by if it has an order of its own
	sorted bool
}

func words(s string) cell {
	if s == "" {
		return cell{}
	}
	return cell{text: s, raw: s}
}

func number(n int64) cell {
	return cell{text: strconv.FormatInt(n, 10), raw: n, number: float64(n), sorted: true}
}

// octets is a size; a negative one is not known.
func octets(n int64) cell {
	if n < 0 {
		return cell{}
	}
	return cell{text: size(n), raw: n, number: float64(n), sorted: true}
}

func moment(t time.Time) cell {
	if t.IsZero() {
		return cell{}
	}
	return cell{text: when(t), raw: t.UTC().Format(time.RFC3339Nano), number: float64(t.UnixNano()), sorted: true}
}

func yesNo(b bool) cell {
	if b {
		return cell{text: "yes", raw: true, number: 1, sorted: true}
	}
	return cell{text: "no", raw: false, sorted: true}
}

// property is a value of a property as it is written down.
func property(name, value string) cell {
	if config.Unset(value) {
		return cell{}
	}
	p, err := config.Find(name)
	if err != nil {
		return words(value)
	}
	switch p.Type {
	case config.Bool:
		return yesNo(value == "yes")
	case config.Int, config.Seconds, config.Count:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return number(n)
		}
	case config.Size:
		if n, err := config.Limit(value, true); err == nil {
			return cell{text: value, raw: n, number: float64(n), sorted: true}
		}
	case config.List:
		return cell{text: value, raw: strings.Split(value, ",")}
	}
	return words(value)
}

// compare orders two cells of a column: nothing first, then numbers, then words, in which numbers count as numbers.
func (c cell) compare(o cell) int {
	switch {
	case c.text == "" || o.text == "":
		return len(c.text) - len(o.text)
	case c.sorted && o.sorted:
		switch {
		case c.number < o.number:
			return -1
		case c.number > o.number:
			return 1
		}
		return 0
	case c.sorted != o.sorted:
		if c.sorted {
			return -1
		}
		return 1
	}
	return natural.Compare(c.text, o.text)
}

// json is the cell as a JSON value, which is one of YAML's, too.
func (c cell) json() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.raw); err != nil {
		panic("cli: " + err.Error()) // strings, numbers and lists of strings
	}
	return strings.TrimSuffix(b.String(), "\n")
}
