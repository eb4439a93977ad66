package bootstrap

import (
	"bufio"
	"slices"
	"strings"
)

// repository is an entry of apt's sources: sources.list(5).
type repository struct {
	uris, suites, components []string
	signedBy                 string // the name of a keyring; empty: apt's trusted keys
	trusted                  bool   // signatures are not asked for
}

// parseList reads the one-line style. What is not understood is passed over: it is apt's to complain.
func parseList(text string) (all []repository) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || rest == strings.TrimLeft(rest, " \t") {
			continue
		}
		var r repository
		rest = strings.TrimSpace(rest)
		if options, after, found := strings.Cut(strings.TrimPrefix(rest, "["), "]"); found && rest[0] == '[' {
			for option := range strings.FieldsSeq(options) {
				key, value, _ := strings.Cut(option, "=")
				r.set(strings.ToLower(key), strings.Trim(value, `"`))
			}
			rest = after
		}
		if fields := strings.Fields(rest); len(fields) >= 2 {
			r.uris, r.suites, r.components = fields[:1], fields[1:2], fields[2:]
			all = append(all, r)
		}
	}
	return all
}

func (r *repository) set(key, value string) {
	switch key {
	case "signed-by":
		r.signedBy = value
	case "trusted":
		r.trusted = value == "yes"
	}
}

// parseStanzas reads the deb822 style.
func parseStanzas(text string) (all []repository) {
	for stanza := range strings.SplitSeq("\n"+strings.ReplaceAll(text, "\r", ""), "\n\n") {
		fields := map[string]string{}
		var key string
		for in := bufio.NewScanner(strings.NewReader(stanza)); in.Scan(); {
			line := in.Text()
			switch {
			case strings.HasPrefix(line, "#"), line == "":
			case line[0] == ' ' || line[0] == '\t':
				fields[key] += "\n" + strings.TrimSpace(line)
			default:
				name, value, _ := strings.Cut(line, ":")
				key = strings.ToLower(strings.TrimSpace(name))
				fields[key] = strings.TrimSpace(value)
			}
		}
		r := repository{
			uris: strings.Fields(fields["uris"]), suites: strings.Fields(fields["suites"]), components: strings.Fields(fields["components"]),
		}
		for _, key := range []string{"signed-by", "trusted"} {
			r.set(key, fields[key])
		}
		if slices.Contains(strings.Fields(fields["types"]), "deb") && fields["enabled"] != "no" && len(r.uris) > 0 && len(r.suites) > 0 {
			all = append(all, r)
		}
	}
	return all
}

// line is r's for one suite, as sources.list has it.
func (r repository) line(suite string) string {
	var options []string
	if r.trusted {
		options = append(options, "trusted=yes")
	}
	if r.signedBy != "" {
		options = append(options, "signed-by="+r.signedBy)
	}
	words := []string{"deb"}
	if len(options) > 0 {
		words = append(words, "["+strings.Join(options, " ")+"]")
	}
	words = append(words, r.uris[0], suite)
	return strings.Join(append(words, r.components...), " ")
}
