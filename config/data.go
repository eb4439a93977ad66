package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
)

// Data is what a config.json says. A key with dots leads through nested objects. The zero Data, and a
// nil one when it is only read, says nothing.
type Data struct {
	root map[string]any

	name string // of the file it was read from
	file []byte // its content
}

// Encode gives the file that Parse reads: the same bytes for the same data.
func (d *Data) Encode() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	root := map[string]any{}
	if d != nil && d.root != nil {
		root = d.root
	}
	if err := enc.Encode(scalars(root)); err != nil {
		panic("config: " + err.Error()) // maps, slices and strings only
	}
	return b.Bytes()
}

// Get gives the scalar or the list (joined by commas) that key leads to.
func (d *Data) Get(key string) (string, bool) {
	if d == nil {
		return "", false
	}
	at := d.root
	for {
		if v, ok := at[key]; ok { // libioc also writes keys with dots
			return text(v)
		}
		first, rest, nested := strings.Cut(key, ".")
		inner, ok := at[first].(map[string]any)
		if !nested || !ok {
			return "", false
		}
		at, key = inner, rest
	}
}

// Set makes value what key leads to. A key that leads through a scalar is refused as invalid.
func (d *Data) Set(key, value string) error {
	if d.root == nil {
		d.root = map[string]any{}
	}
	at, rest := d.root, key
	for {
		first, after, nested := strings.Cut(rest, ".")
		if _, ok := at[rest]; ok || !nested {
			if _, isObject := at[rest].(map[string]any); isObject {
				return fault.New("property", fault.Invalid, key, errors.New("it has properties below it"))
			}
			at[rest] = value
			return nil
		}
		if _, ok := at[first]; !ok {
			at[first] = map[string]any{}
		}
		inner, ok := at[first].(map[string]any)
		if !ok {
			return fault.New("property", fault.Invalid, key, fmt.Errorf("%s is a value", strings.TrimSuffix(key, "."+after)))
		}
		at, rest = inner, after
	}
}

// Unset removes key, and objects that are empty then.
func (d *Data) Unset(key string) {
	if d != nil {
		unset(d.root, key)
	}
}

func unset(at map[string]any, key string) {
	if _, ok := at[key]; ok {
		delete(at, key)
		return
	}
	first, rest, nested := strings.Cut(key, ".")
	if inner, ok := at[first].(map[string]any); nested && ok {
		if unset(inner, rest); len(inner) == 0 {
			delete(at, first)
		}
	}
}

// Keys lists what has a value, sorted.
func (d *Data) Keys() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(flat("", d.root, map[string]bool{})))
}

func flat(prefix string, at map[string]any, into map[string]bool) map[string]bool {
	for k, v := range at {
		if inner, ok := v.(map[string]any); ok {
			flat(prefix+k+".", inner, into)
		} else {
			into[prefix+k] = true
		}
	}
	return into
}

// Clone is a copy that shares nothing with d.
func (d *Data) Clone() *Data {
	c := &Data{root: map[string]any{}}
	if d != nil && d.root != nil {
		c.root = scalars(d.root).(map[string]any) //nolint:forcetypeassert // a map gives a map
	}
	return c
}

// scalars copies v with its scalars as the strings that libioc writes.
func scalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, inner := range v {
			c[k] = scalars(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = scalars(inner)
		}
		return c
	default:
		s, _ := text(v)
		return s
	}
}

// text is a scalar, or a list of scalars, as libioc writes it.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return None, true
	case bool:
		if v {
			return "yes", true
		}
		return "no", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case []any:
		all := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := text(item)
			if !ok {
				return "", false
			}
			all = append(all, s)
		}
		return strings.Join(all, ","), true
	default:
		return "", false
	}
}
