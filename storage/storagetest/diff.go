package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// diff compares every two states of a jail: what is told must be what can be seen.
func (s *suite) diff() {
	before := s.w.State(s)
	web, looks := s.history(2)
	s.edit(web, put("bin/doas", "root:0:0\n"), put("etc/passwd", "ROOT:0:0\n"), Edit{Op: Mkdir, Path: "home/user/x", May: true})
	looks[2] = s.look(web)
	d, ok := s.d.(storage.Differ)
	if !ok {
		s.Fatal("the driver is no Differ")
	}
	state := s.w.State(s)
	names := []storage.SnapshotName{"s1", "s2", ""}
	for i, from := range names[:2] {
		for j, to := range names {
			c, look, err := d.Compare(ctx, web, from, to)
			if err != nil {
				s.Fatal(err)
			}
			s.do(c)
			all, err := look(ctx)
			if err != nil {
				s.Fatalf("diff %s %s: %v", from, to, err)
			}
			for _, e := range c.After {
				if err := e.Do(ctx); err != nil {
					s.Error(err)
				}
			}
			var got []string
			for _, x := range all {
				got = append(got, fmt.Sprintf("%q %s", x.Path, x.How))
			}
			s.same(fmt.Sprintf("the differences from %q to %q", from, to), got, differences(s, looks[i], looks[j]))
		}
	}
	s.same("the world after comparisons", s.w.State(s), state)
	for _, tc := range []struct {
		d        storage.Dataset
		from, to storage.SnapshotName
		kind     fault.Kind
	}{
		{web, "no", "", fault.NotFound},
		{web, "s1", "no", fault.NotFound},
		{web, "", "s1", fault.Invalid},
		{storage.Jail("no"), "s1", "", fault.NotFound},
		{storage.Release("base"), "s1", "", fault.Invalid},
	} {
		_, _, err := d.Compare(ctx, tc.d, tc.from, tc.to)
		s.want(fmt.Sprintf("diff of %s from %q to %q", tc.d, tc.from, tc.to), err, tc.kind)
	}
	s.empty(before)
}

// differences finds them in what Look gives.
func differences(s *suite, from, to []string) []string {
	s.Helper()
	index := func(lines []string) map[string]string {
		all := map[string]string{}
		for _, line := range lines {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				s.Fatal(line, err)
			}
			rest, _, _ := strings.Cut(line[len(quoted):], " = ") // another name of the same file
			all[quoted] = rest
		}
		return all
	}
	was, is := index(from), index(to)
	var all []string
	for name, what := range was {
		if now, ok := is[name]; !ok {
			all = append(all, name+" removed")
		} else if now != what {
			all = append(all, name+" changed")
		}
	}
	for name := range is {
		if _, ok := was[name]; !ok {
			all = append(all, name+" added")
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(unquoted(a), unquoted(b)) })
	return all
}

func unquoted(line string) string {
	quoted, _ := strconv.QuotedPrefix(line) //nolint:errcheck // it was one before
	name, _ := strconv.Unquote(quoted)      //nolint:errcheck // as above
	return name
}
