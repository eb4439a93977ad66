package jail_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/internal/golden"
	"github.com/libioc/ioc/jail"
)

const (
	propertiesPage = "../docs/properties.md"
	propertiesHead = `# Properties

<!-- Made by go generate ./jail from packages config and jail. Do not edit. -->

What a jail can be told. ` + "`ioc get`" + ` shows properties and ` + "`ioc set`" + ` changes them; names and values are libioc's,
and so is the file, ` + "`config.json`" + ` beside the jail's root. What is not set there is looked up in the host's
defaults (` + "`ioc set PROPERTY=VALUE defaults`, the file `defaults.json`" + `), and then is what this page says.

A property that has no effect where ioc runs is refused, with the reason. In a configuration that another
tool wrote it is kept, and the start of the jail says that it has none. Names that begin with ` + "`user.`" + ` are free;
` + "`zfs.NAME`" + ` is the property NAME of the jail's file system on ZFS ([zfs.md](zfs.md)).

## Values

| type | is written as |
| --- | --- |
`
	attributesHead = `
## What else can be asked for

These are known of a jail and cannot be set. Selectors and ` + "`ioc get`" + ` take them like properties.

| attribute | meaning |
| --- | --- |
`
)

// page renders docs/properties.md.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(propertiesHead)
	for _, t := range config.Types() {
		fmt.Fprintf(&b, "| %s | %s |\n", t, t.Form())
	}
	for _, topic := range config.Topics() {
		fmt.Fprintf(&b, "\n## %s\n\n| property | type | default | a change takes effect | Linux | FreeBSD | meaning |\n"+
			"| --- | --- | --- | --- | --- | --- | --- |\n", topic)
		lacks := map[string][]string{}
		var order []string
		for _, p := range config.Known() {
			if p.Topic != topic {
				continue
			}
			help, unit := p.Help, ""
			if p.Unit != "" {
				unit = ", " + p.Unit
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | `%s` | %s | %s | %s | %s |\n", p.Name, p.Type, unit, p.Default, p.When, p.Linux, p.FreeBSD,
				strings.ReplaceAll(help, "|", `\|`))
			if p.Linux == config.Works {
				continue
			}
			if lacks[p.Lack] == nil {
				order = append(order, p.Lack)
			}
			lacks[p.Lack] = append(lacks[p.Lack], "`"+p.Name+"`")
		}
		for i, lack := range order {
			if i == 0 {
				b.WriteString("\nNot on Linux:\n\n")
			}
			fmt.Fprintf(&b, "* %s: %s\n", lack, strings.Join(lacks[lack], ", "))
		}
	}
	b.WriteString(attributesHead)
	for _, a := range jail.Attributes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", a.Name, a.Help)
	}
	return b.Bytes()
}

// TestDocument keeps docs/properties.md current. With -update, as go generate runs it, it writes the page.
func TestDocument(t *testing.T) { golden.Check(t, propertiesPage, page()) }
