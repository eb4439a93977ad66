package applet

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseSize reads a number of bytes or lines with an optional unit: 10, 4k, 2M, 1G, 3kB (thousands), 512b (blocks).
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "bBcKkMmGgTtwi")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	unit, ok := units(s[len(digits):])
	if !ok || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return n * unit, nil
}

func units(name string) (int64, bool) {
	switch name {
	case "", "c", "B":
		return 1, true
	case "w":
		return 2, true
	case "b":
		return 512, true
	}
	base := int64(1024)
	switch strings.ToLower(name[1:]) {
	case "", "ib":
	case "b":
		base = 1000
	default:
		return 0, false
	}
	i := strings.IndexByte("KMGT", strings.ToUpper(name)[0])
	if i < 0 {
		return 0, false
	}
	unit := base
	for range i {
		unit *= base
	}
	return unit, true
}

// Human writes a number of bytes as people read it: 931, 4.5K, 120M.
func Human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	v := float64(n)
	for _, unit := range "KMGTPE" {
		v /= 1024
		if v < 9.95 {
			return fmt.Sprintf("%.1f%c", v, unit)
		}
		if v < 1023.5 {
			return fmt.Sprintf("%.0f%c", v, unit)
		}
	}
	return fmt.Sprintf("%.0fZ", v/1024)
}

// ParseDuration reads a number of seconds with an optional unit: 5, 0.1, 2m, 3h, 1d.
func ParseDuration(s string) (time.Duration, error) {
	unit := float64(time.Second)
	if s != "" {
		switch s[len(s)-1] {
		case 's':
			s = s[:len(s)-1]
		case 'm':
			unit, s = float64(time.Minute), s[:len(s)-1]
		case 'h':
			unit, s = float64(time.Hour), s[:len(s)-1]
		case 'd':
			unit, s = float64(24*time.Hour), s[:len(s)-1]
		}
	}
	if s == "infinity" || s == "inf" {
		return math.MaxInt64, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || math.IsNaN(v) {
		return 0, fmt.Errorf("%q is not a time interval", s)
	}
	if v*unit >= math.MaxInt64 {
		return math.MaxInt64, nil
	}
	return time.Duration(v * unit), nil
}

// Sleep waits for d or for the end of ctx, which is its error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CompareVersions compares runs of digits by value and everything else by bytes.
func CompareVersions(a, b string) int {
	for a != "" && b != "" {
		na, nb := leadingDigits(a), leadingDigits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if d := strings.Compare(x, y); d != 0 {
				return d
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func leadingDigits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// ParseTime reads a time as people and programs write it. now is what relative times count from.
func ParseTime(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "now" || s == "":
		return now, nil
	case s == "today":
		return now, nil
	case s == "yesterday":
		return now.AddDate(0, 0, -1), nil
	case s == "tomorrow":
		return now.AddDate(0, 0, 1), nil
	case s[0] == '@':
		sec, err := strconv.ParseFloat(s[1:], 64)
		if err != nil {
			return now, fmt.Errorf("bad time %q", s)
		}
		whole := math.Floor(sec)
		return time.Unix(int64(whole), int64((sec-whole)*1e9)), nil
	}
	for _, layout := range []string{
		"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "20060102", "2006-01-02 15:04:05 MST",
		time.RFC1123Z, time.RFC1123, time.UnixDate, time.ANSIC, "2 Jan 2006", "2 Jan 2006 15:04:05", "Jan 2 2006",
	} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	if t, ok := relativeTime(s, now); ok {
		return t, nil
	}
	return now, fmt.Errorf("bad time %q", s)
}

// relativeTime reads "2 days ago", "+1 hour", "-3 weeks".
func relativeTime(s string, now time.Time) (time.Time, bool) {
	f := strings.Fields(s)
	if len(f) < 2 || len(f) > 3 || len(f) == 3 && f[2] != "ago" {
		return now, false
	}
	n, err := strconv.Atoi(f[0])
	if err != nil {
		return now, false
	}
	if len(f) == 3 {
		n = -n
	}
	switch strings.TrimSuffix(f[1], "s") {
	case "sec", "second":
		return now.Add(time.Duration(n) * time.Second), true
	case "min", "minute":
		return now.Add(time.Duration(n) * time.Minute), true
	case "hour":
		return now.Add(time.Duration(n) * time.Hour), true
	case "day":
		return now.AddDate(0, 0, n), true
	case "week":
		return now.AddDate(0, 0, 7*n), true
	case "month":
		return now.AddDate(0, n, 0), true
	case "year":
		return now.AddDate(n, 0, 0), true
	}
	return now, false
}
