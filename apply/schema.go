package apply

import (
	"encoding/json"

	"github.com/libioc/ioc/config"
)

// object is one of JSON.
type object = map[string]any

// Schema is the JSON Schema of the file, made of the table of properties. It refuses whatever [Parse] refuses, as far as
// that can be seen in the values alone, and nothing else but amounts beyond an exabyte; and names that no jail can have.
func Schema() []byte {
	given := object{"not": object{"enum": []any{nil, ""}}}
	properties := object{
		"release": word("the release that the jail is made from"),
		"clone":   word("the jail that it is made from"),
		"state": object{
			"enum":        states(),
			"description": "what the jail is to be in; running, unless it is a template",
		},
		"fstab": object{
			"type": []string{"array", "string", "number", "boolean", "null"}, "items": scalar(),
			"description": "the lines of the jail's fstab(5)",
		},
	}
	for _, p := range config.Properties() {
		if p.When == config.AtCreation {
			continue
		}
		about := values(p)
		about["description"] = p.Help
		if p.Default != config.None {
			about["default"] = p.Default
		}
		properties[p.Name] = about
	}
	const key = `[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*`
	patterns := object{`^user\.` + key + `$`: scalar(), `^zfs\.[a-z0-9_][a-z0-9_:-]*(\.[a-z0-9_:-]+)*$`: scalar()}
	for _, p := range config.PerInterface() {
		patterns[`^[A-Za-z0-9_-]+`+p.Name+`$`] = values(p)
	}
	schema := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "The jails of a host, for ioc apply",
		"type":        []string{"object", "null"},
		"description": "ioc apply makes the host match this file",
		"properties": object{
			"jails": object{
				"type":          []string{"object", "null"},
				"propertyNames": object{"pattern": `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`},
				"additionalProperties": object{
					"type": []string{"object", "null"}, "properties": properties,
					"patternProperties":    patterns,
					"additionalProperties": false,
					// It is made from the one or is a clone of the other.
					"not": object{
						"type": "object", "required": []string{"release", "clone"},
						"properties": object{"release": given, "clone": given},
					},
				},
			},
		},
		"additionalProperties": false,
	}
	b, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // there is nothing in it that JSON cannot have
	}
	return append(b, '\n')
}

// scalar is one value, whatever it is.
func scalar() object { return object{"type": []string{"string", "number", "boolean", "null"}} }

func word(help string) object {
	about := scalar()
	about["description"] = help
	return about
}

// values are what a property can have: its type's values, as YAML has them and as words, or nothing.
func values(p config.Property) object {
	if isList(p) {
		return object{"type": []string{"array", "string", "number", "boolean", "null"}, "items": scalar()}
	}
	none := object{"enum": []any{nil, "", "-", config.None}}
	either := func(forms ...any) object { return object{"anyOf": append(forms, none)} }
	text := func(pattern string) object { return object{"type": "string", "pattern": "^(" + pattern + ")$"} }
	switch p.Type {
	case config.Bool:
		return either(object{"enum": []any{true, false, "yes", "no", 1, 0}},
			text("[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|1|0"))
	case config.Int:
		return either(object{"type": "integer"}, text("[+-]?[0-9]{1,18}"))
	case config.Seconds:
		return either(object{"type": "integer", "minimum": 0, "maximum": 86400},
			text("[+]?0*([0-9]{1,4}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)"))
	case config.Count, config.Size:
		amount := "[+]?0*[1-9][0-9]{0,17}"
		if p.Type == config.Size {
			amount = "[+]?0*[1-9][0-9]{0,14}[KMkm]?|[+]?0*[1-9][0-9]{0,8}[GgTt]|[+]?0*[1-9][0-9]{0,17}"
		}
		amount = "(" + amount + ")"
		return either(object{"type": "integer", "minimum": 1}, text("((deny=)?"+amount+"|"+amount+":deny)(/jail)?"))
	case config.Hostname:
		const label = "[A-Za-z0-9_][A-Za-z0-9_-]*"
		host := text(label + `(\.` + label + ")*")
		host["maxLength"] = 64
		return either(host, object{"type": "number", "minimum": 0}, object{"type": "boolean"})
	default:
		return scalar()
	}
}

// isList tells whether a property can have a list of words.
func isList(p config.Property) bool { return p.Type == config.List || p.Name == "depends" }
