package eventdoc

import (
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/linuxns"
	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/backend/usernet"
	"github.com/libioc/ioc/internal/backend/vethbridge"
	"github.com/libioc/ioc/internal/transfer"
)

// system lists those that are for this system only.
func system() []events.Payload {
	return []events.Payload{
		&linuxns.Cgroup{},
		&linuxns.Exec{},
		&linuxns.Freeze{},
		&linuxns.Mount{},
		&linuxns.Reap{},
		&linuxns.Relimit{},
		&linuxns.Spawn{},

		&overlay.Clear{},
		&overlay.Clone{},
		&overlay.Close{},
		&overlay.Forget{},
		&overlay.Freeze{},
		&overlay.Merge{},
		&overlay.Publish{},
		&overlay.Purge{},
		&overlay.Rename{},
		&overlay.Rollback{},
		&overlay.Snapshot{},
		&overlay.Stage{},
		&overlay.Sweep{},
		&overlay.Trash{},
		&overlay.Unmount{},
		&overlay.WriteFile{},

		&usernet.Carry{},

		&vethbridge.Bridge{},
		&vethbridge.Configure{},
		&vethbridge.DHCP{},
		&vethbridge.Files{},
		&vethbridge.Forwarding{},
		&vethbridge.Isolate{},
		&vethbridge.Lease{},
		&vethbridge.Link{},
		&vethbridge.Route{},
		&vethbridge.Translate{},

		&transfer.Install{},
		&transfer.Stage{},
		&transfer.Sweep{},
	}
}
