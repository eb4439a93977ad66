package zfs

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/run"
)

// properties are what a row holds.
var properties = strings.Join([]string{
	"guid", "createtxg", "type", "creation", "origin", "mounted", "mountpoint", "used", "referenced", "available",
	propID, propOrigin, propActive,
}, ",")

// row is a file system, a volume or a snapshot.
type row struct {
	name  string
	value map[string]string
	own   map[string]bool // the value is its own, not inherited
}

// rows are in the order in which zfs names them.
type rows []row

func (r *row) get(key string) string {
	if r == nil || r.value[key] == "-" {
		return ""
	}
	return r.value[key]
}

func (r *row) number(key string) int64 {
	n, _ := strconv.ParseInt(r.get(key), 10, 64) // 0 where there is none
	return n
}

func (r *row) created() time.Time { return time.Unix(r.number("creation"), 0).UTC() }

// id is the id of the change that made it. A property that is inherited says nothing of it.
func (r *row) id() string {
	if r == nil || !r.own[propID] {
		return ""
	}
	return r.get(propID)
}

func (r *row) isMounted() bool { return r.get("mounted") == "yes" }

// find gives the row called name, or nil.
func (rs rows) find(name string) *row {
	if i := slices.IndexFunc(rs, func(r row) bool { return r.name == name }); i >= 0 {
		return &rs[i]
	}
	return nil
}

// snapshots are those of the file system, oldest first.
func (rs rows) snapshots(of string) rows {
	var all rows
	for _, r := range rs {
		if strings.HasPrefix(r.name, of+"@") {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return int(a.number("createtxg") - b.number("createtxg")) })
	return all
}

// get asks for the names, and for what is below them so many levels deep. What is not there is not
// among the rows, and no error.
func get(ctx context.Context, depth int, names ...string) (rows, error) {
	args := []string{"get", "-Hp", "-r", "-d", strconv.Itoa(depth), "-o", "name,property,value,source", properties}
	out, err := ask(ctx, append(args, names...)...)
	if err != nil && !onlyMissing(err) {
		return nil, err
	}
	return parse(out), nil
}

// onlyMissing reports whether all that a command complained of is that things do not exist.
func onlyMissing(err error) bool {
	e, ok := errors.AsType[*run.Error](err)
	if !ok || !errors.Is(err, fault.NotFound) {
		return false
	}
	for line := range strings.Lines(e.Stderr) {
		if !strings.Contains(line, "does not exist") {
			return false
		}
	}
	return true
}

// parse reads what get prints: name, property, value and source, separated by tabs.
func parse(out string) rows {
	var rs rows
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 4 {
			continue
		}
		if len(rs) == 0 || rs[len(rs)-1].name != f[0] {
			rs = append(rs, row{f[0], map[string]string{}, map[string]bool{}})
		}
		r := &rs[len(rs)-1]
		r.value[f[1]], r.own[f[1]] = f[2], f[3] == "local" || f[3] == "received"
	}
	return rs
}

// clone is a file system that depends on a snapshot.
type clone struct{ name, origin string }

// everything asks for all of the pool: who depends on a snapshot need not be below the root.
func (p Place) everything(ctx context.Context) (rows, error) {
	pool, _, _ := strings.Cut(p.Root, "/")
	columns := []string{"name", "origin", "guid", "mounted", "mountpoint"}
	out, err := ask(ctx, "list", "-H", "-r", "-t", "filesystem,volume", "-o", strings.Join(columns, ","), pool)
	if err != nil && !onlyMissing(err) {
		return nil, err
	}
	var rs rows
	for line := range strings.Lines(out) {
		r := row{value: map[string]string{}}
		for i, v := range strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", len(columns)) {
			r.value[columns[i]] = v
		}
		r.name = r.get("name")
		rs = append(rs, r)
	}
	return rs, nil
}

// clones are those among the rows.
func (rs rows) clones() []clone {
	var all []clone
	for i := range rs {
		if origin := rs[i].get("origin"); origin != "" {
			all = append(all, clone{rs[i].name, origin})
		}
	}
	return all
}

// clones lists those of the pool.
func (p Place) clones(ctx context.Context) ([]clone, error) {
	rs, err := p.everything(ctx)
	return rs.clones(), err
}
