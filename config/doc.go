// Package config knows what a jail can be told: which properties there are, what a value of each
// may be, what holds where nothing was said, and how all of it is written down.
//
// It owns the table of properties ([Properties]) and the form of config.json, which is libioc's:
// nested objects, sorted, four blanks of indentation, every scalar a string ("yes", "no", "none"). What
// it does not understand in such a file it keeps. It refuses to know where the file is, what a jail
// does with a value, and which host can do what: a property names the feature it needs, and the
// caller asks its back end.
//
//	d, err := config.Parse(file)
//	p, err := config.Find("memoryuse")   // or an Invalid error that suggests the nearest name
//	v, err := p.Type.Canonical("128m")   // "128M"
//	d.Set("memoryuse", v)
//	file = d.Encode()
package config
