package fault_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/golden"
)

const errorsPage = "../docs/errors.md"

const errorsPageHead = `# Errors and exit codes

<!-- Made by go generate ./fault from package fault. Do not edit. -->

An error of ioc reads from intent to cause, ` + "`start web: mount /dev: devfs: permission denied`" + `,
and where there is something to be done about it, a remedy follows on a line of its own. For scripts
there are two more things, and they answer different questions.

## What state is the host in? The exit code

| code | meaning | what a script may do |
| ---: | --- | --- |
| %d | done, or it was so already | go on |
| %d | failed, and the host is as it was | mend the cause and repeat |
| %d | failed, and something is left behind | run recovery first |
| %d | broken off by the caller, and the host is as it was | repeat when wanted |

What is left behind outranks every reason: an interrupted command that could not be undone ends with
%[3]d, not with %[4]d. One thing cannot be taken back: the end of a program. A restart that fails, or is broken off, after
its stop leaves the jail stopped, properly, and says so.

Commands that run a program inside a jail, ` + "`ioc exec`, `ioc run` and `ioc console`" + `, end with that
program's own code, which may be any of those above. What they add is what shells add:

| code | meaning |
| ---: | --- |
| 125 | ioc failed, before or after the program; standard error says why, ` + "`ioc recover --list`" + ` what is left behind |
| 126 | the program is there and cannot be executed |
| 127 | there is no such program in the jail |
| 128 + N | the program was ended by signal N |

## Why did it fail? The kind

The name is stable, in the event stream and in stored records. Kinds are only ever added: a name that
you do not know is to be read as ` + "`unknown`" + `.

| kind | exit code | meaning | what to do |
| --- | ---: | --- | --- |
`

// page renders docs/errors.md.
func page() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, errorsPageHead, fault.ExitDone, fault.ExitFailed, fault.ExitResidue, fault.ExitCancelled)
	for _, k := range fault.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", k.Name(), k.ExitCode(), k.Meaning(), k.Advice())
	}
	b.WriteString("\nIn Go: `errors.Is(err, fault.Busy)`, `fault.KindOf(err)`, `fault.Remedies(err)`, `fault.ExitCode(err)`.\n")
	return b.Bytes()
}

// TestDocument keeps docs/errors.md current. With -update, as go generate runs it, it writes the page.
func TestDocument(t *testing.T) { golden.Check(t, errorsPage, page()) }

// TestEveryKindIsExplained keeps a new kind from falling through to the text of Unknown.
func TestEveryKindIsExplained(t *testing.T) {
	seen := map[string]fault.Kind{}
	for _, k := range fault.Kinds() {
		for _, text := range []string{k.Name(), k.Error(), k.Meaning(), k.Advice()} {
			if strings.TrimSpace(text) == "" || strings.Contains(text, "|") {
				t.Errorf("kind %d: %q does not fit into a table", k, text)
			}
		}
		if other, taken := seen[k.Name()]; taken {
			t.Errorf("kinds %d and %d have the same name %q", other, k, k.Name())
		}
		seen[k.Name()] = k
	}
}
