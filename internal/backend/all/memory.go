package all

import (
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/mem"
)

// Memory is a back end in which everything can be done and nothing happens. Each is a world of its own.
func Memory() Backend {
	files, kernel, net := mem.New(nil), mem.NewKernel(), mem.NewNet()
	return Backend{
		Name:     "memory",
		Storage:  files,
		Sandbox:  kernel,
		Commands: silence{},
		Network:  net,
		Register: func(r *events.Registry) {
			files.Register(r)
			kernel.Register(r)
			net.Register(r)
		},
		DryRun: true,
	}
}
