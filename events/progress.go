package events

import "strconv"

// Amount is the conventional Detail of a Progress event: how much of the step's work is done. Every
// consumer of this package, and every view of ioc, renders it.
type Amount struct {
	Done  int64
	Total int64  // 0: not known
	Unit  string // plural and lower case: "bytes", "files"; may be empty
}

// Fraction is the part that is done, from 0 to 1. It is false if the total is not known.
func (a Amount) Fraction() (float64, bool) {
	if a.Total <= 0 {
		return 0, false
	}
	return min(max(float64(a.Done)/float64(a.Total), 0), 1), true
}

// String reads "3 of 10 files", or "1.5 MiB of 48.0 MiB" if the unit is bytes.
func (a Amount) String() string { return string(a.appendText(make([]byte, 0, 32))) }

func (a Amount) appendText(dst []byte) []byte {
	count := func(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
	unit := a.Unit
	if unit == "bytes" {
		count, unit = appendBytes, ""
	}
	dst = count(dst, a.Done)
	if a.Total > 0 {
		dst = count(append(dst, " of "...), a.Total)
	}
	if unit != "" {
		dst = append(append(dst, ' '), unit...)
	}
	return dst
}

// AppendJSON appends {"done":3,"total":10,"unit":"files"}, without what is zero except done.
func (a Amount) AppendJSON(dst []byte) ([]byte, error) {
	dst = strconv.AppendInt(append(dst, `{"done":`...), a.Done, 10)
	if a.Total != 0 {
		dst = strconv.AppendInt(append(dst, `,"total":`...), a.Total, 10)
	}
	if a.Unit != "" {
		dst = appendString(append(dst, `,"unit":`...), a.Unit)
	}
	return append(dst, '}'), nil
}

// appendBytes appends n in the largest binary unit that leaves at least 1.
func appendBytes(dst []byte, n int64) []byte {
	const units = "KMGTPE"
	if n < 1024 && n > -1024 {
		return append(strconv.AppendInt(dst, n, 10), " B"...)
	}
	f, i := float64(n)/1024, 0
	for ; (f >= 1024 || f <= -1024) && i < len(units)-1; i++ {
		f /= 1024
	}
	return append(strconv.AppendFloat(dst, f, 'f', 1, 64), ' ', units[i], 'i', 'B')
}
