package all

import (
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/mem"
)

// Memory is a back end in which everything can be done and nothing happens. Each is a world of its own.
func Memory() Backend {
	files, kernel := mem.New(nil), mem.NewKernel()
	return Backend{
		Name:     "memory",
		Storage:  files,
		Sandbox:  kernel,
		Commands: silence{},
		Register: func(r *events.Registry) {
			files.Register(r)
			kernel.Register(r)
		},
		DryRun: true,
	}
}
