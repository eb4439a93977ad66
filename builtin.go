package ioc

import "github.com/libioc/ioc/release"

// Embedded is the release that comes with ioc.
const Embedded = "embedded"

// builtin are the sources that every host knows.
func builtin() map[string]release.Source { return map[string]release.Source{} }
