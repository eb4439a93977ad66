package apply

import (
	"encoding/json"

	"github.com/libioc/ioc/config"
)

// Schema is the JSON Schema of the file, made of the table of properties.
func Schema() []byte {
	type object = map[string]any
	text := object{"type": []string{"string", "number", "boolean", "null"}}
	properties := object{
		"release": object{"type": "string", "description": "the release that the jail is made from"},
		"clone":   object{"type": "string", "description": "the jail that it is made from"},
		"state": object{
			"enum":        states(),
			"description": "what the jail is to be in; running, unless it is a template",
		},
		"fstab": object{
			"type": []string{"array", "string"}, "items": object{"type": "string"},
			"description": "the lines of the jail's fstab(5)",
		},
	}
	for _, p := range config.Properties() {
		if p.When == config.AtCreation {
			continue
		}
		about := object{"description": p.Help}
		if p.Default != config.None {
			about["default"] = p.Default
		}
		switch p.Type {
		case config.Bool:
			about["enum"] = []any{true, false, "yes", "no"}
		case config.Int, config.Seconds:
			about["type"] = []string{"integer", "null"}
		case config.Count, config.Size:
			about["type"] = []string{"integer", "string", "null"}
		case config.List:
			about["type"], about["items"] = []string{"array", "string", "null"}, object{"type": "string"}
		default:
			about["type"] = text["type"]
			if p.Name == "depends" {
				about["type"], about["items"] = []string{"array", "string", "null"}, object{"type": "string"}
			}
		}
		properties[p.Name] = about
	}
	schema := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "The jails of a host, for ioc apply",
		"type":        "object",
		"description": "ioc apply makes the host match this file",
		"properties": object{
			"jails": object{
				"type": "object",
				"additionalProperties": object{
					"type": []string{"object", "null"}, "properties": properties,
					"patternProperties":    object{`^user\.`: text, "_mac$": text},
					"additionalProperties": false,
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
