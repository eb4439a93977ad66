package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/libioc/ioc/fault"
)

// The files that are read here.
const (
	File         = "config.json"   // of a jail
	DefaultsFile = "defaults.json" // of a host: what holds where a jail says nothing
)

// DefaultsName is what commands call the host's defaults where they would name a jail.
const DefaultsName = "defaults"

// Parse reads a config.json. Numbers, true, false and null are taken for what libioc writes instead;
// keys that nobody knows are kept. A file that is not one JSON object in UTF-8, or that says something
// twice, is fault.Corrupt, and the error says in which line and column.
func Parse(file []byte) (*Data, error) { return parse(File, file) }

// ParseDefaults reads a defaults.json as Parse does a config.json.
func ParseDefaults(file []byte) (*Data, error) { return parse(DefaultsFile, file) }

func parse(name string, file []byte) (*Data, error) {
	d := &Data{name: name, file: file}
	fail := func(offset int, err error) (*Data, error) {
		return nil, fault.New("", fault.Corrupt, d.position(offset), err)
	}
	if !utf8.Valid(file) {
		offset := 0
		for r, size := utf8.DecodeRune(file); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(file[offset:]) {
			offset += size
		}
		return fail(offset, errors.New("it is not UTF-8"))
	}
	if !json.Valid(file) {
		err := json.Unmarshal(file, new(json.RawMessage))
		if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fail(max(0, int(wrong.Offset)-1), complaint(err, len(file), int(wrong.Offset)))
		}
		return fail(0, err)
	}
	r := reader{d: d}
	start := d.skip(0)
	if file[start] != '{' {
		return fail(start, errors.New("it is not an object"))
	}
	root, offset, err := r.value("")
	if err != nil {
		return fail(offset, err)
	}
	d.root = root.(map[string]any) //nolint:forcetypeassert // it begins as one
	return d, nil
}

// complaint makes a sentence of the standard library's.
func complaint(err error, length, offset int) error {
	if offset >= length && strings.Contains(err.Error(), "unexpected end") {
		return errors.New("the file ends too early")
	}
	return err
}

// reader builds what a file says that is known to be valid JSON. It is not json.Decoder, which takes a kilobyte for
// each of a thousand small files.
type reader struct {
	d     *Data
	at    int            // what comes next
	where map[string]int // where the file says what; nil: nobody asks
}

// value reads the next value, which is at the key path.
func (r *reader) value(path string) (v any, offset int, err error) {
	r.at = r.d.skip(r.at)
	switch r.d.file[r.at] {
	case '{':
		return r.object(path)
	case '[':
		list := []any{}
		for r.at++; !r.ends(']'); {
			if v, offset, err = r.value(path); err != nil {
				return nil, offset, err
			}
			list = append(list, v)
		}
		return list, 0, nil
	case '"':
		v, err = r.text()
		return v, 0, err
	}
	word := r.d.file[r.at:]
	if end := bytes.IndexAny(word, " \t\r\n,:]}"); end >= 0 {
		word = word[:end]
	}
	r.at += len(word)
	switch word[0] {
	case 't', 'f':
		return word[0] == 't', 0, nil
	case 'n':
		return nil, 0, nil
	}
	return json.Number(word), 0, nil
}

func (r *reader) object(path string) (v any, offset int, err error) {
	inner := map[string]any{}
	for r.at++; !r.ends('}'); {
		offset := r.at
		key, err := r.text()
		if err != nil {
			return nil, offset, err
		}
		if _, twice := inner[key]; twice {
			return nil, offset, fmt.Errorf("%q is there twice", key)
		}
		var full string
		if r.where != nil {
			full = strings.TrimPrefix(path+"."+key, ".")
			r.where[full] = offset
		}
		if inner[key], offset, err = r.value(full); err != nil {
			return nil, offset, err
		}
	}
	return inner, 0, nil
}

// ends goes to the next token, and past it if it is the bracket.
func (r *reader) ends(bracket byte) bool {
	r.at = r.d.skip(r.at)
	if r.d.file[r.at] != bracket {
		return false
	}
	r.at++
	return true
}

// text reads the string that begins here.
func (r *reader) text() (s string, err error) {
	begin, plain := r.at, true
	for r.at++; r.d.file[r.at] != '"'; r.at++ {
		if r.d.file[r.at] == '\\' {
			plain = false
			r.at++
		}
	}
	r.at++
	if whole := r.d.file[begin:r.at]; !plain {
		err = json.Unmarshal(whole, &s)
	} else {
		s = string(whole[1 : len(whole)-1])
	}
	return s, err
}

// skip gives the offset of the next token from an offset behind the last one.
func (d *Data) skip(offset int) int {
	for offset < len(d.file) && strings.IndexByte(" \t\r\n,:", d.file[offset]) >= 0 {
		offset++
	}
	return offset
}

// position is an offset as editors count: config.json:LINE:COLUMN, in characters, from 1.
func (d *Data) position(offset int) string {
	before := d.file[:min(offset, len(d.file))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("%s:%d:%d", d.name, bytes.Count(before, []byte{'\n'})+1, utf8.RuneCount(before[line:])+1)
}

// Where says where the file that was parsed says key, as config.json:LINE:COLUMN; empty: it does not.
func (d *Data) Where(key string) string {
	if d == nil || len(d.file) == 0 {
		return ""
	}
	r := reader{d: d, where: map[string]int{}}
	_, _, _ = r.value("") // it could be read before
	if offset, ok := r.where[key]; ok {
		return d.position(offset)
	}
	return ""
}

// Check finds what was written into a file by hand and would have been refused: values that make no
// sense, and keys that nobody knows. Each error is fault.Invalid, says where it is, and suggests a name. What only
// another system can do is not among them.
func (d *Data) Check() []error {
	var all []error
	for _, key := range d.Keys() {
		v, ok := d.Get(key)
		p, err := Find(key)
		switch {
		case errors.Is(err, fault.NotSupported), isBookkeeping(key), !ok && err == nil:
			continue
		case err == nil:
			if _, err = p.Type.Canonical(v); err == nil {
				continue
			}
			err = fault.New("property", fault.Invalid, key, err)
		}
		all = append(all, fault.New("", fault.Unknown, d.Where(key), err))
	}
	return all
}

// isBookkeeping tells what libioc and iocage write down of a jail although it is no choice.
func isBookkeeping(key string) bool {
	switch key {
	case "id", "name", "uuid", "CONFIG_VERSION", "last_started":
		return true
	}
	return false
}
