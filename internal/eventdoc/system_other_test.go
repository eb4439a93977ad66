//go:build !linux

package eventdoc

import "github.com/libioc/ioc/events"

// system lists those that are for this system only.
func system() []events.Payload { return nil }
