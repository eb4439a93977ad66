package eventdoc

import (
	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/internal/backend/mem"
	"github.com/libioc/ioc/internal/backend/zfs"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/internal/run"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/journal"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/bootstrap"
	"github.com/libioc/ioc/release/oci"
	"github.com/libioc/ioc/release/published"
)

// catalogue lists the payload types of all packages that are for every system, by their packages.
func catalogue() []events.Payload {
	return []events.Payload{
		&ioc.Mending{},
		&ioc.Activation{},
		&ioc.AskOffers{},
		&ioc.Deactivation{},
		&ioc.Offering{},
		&ioc.Pruning{},
		&ioc.Recovery{},

		&mem.Clear{},
		&mem.Clone{},
		&mem.Forget{},
		&mem.Group{},
		&mem.Join{},
		&mem.Plug{},
		&mem.Publish{},
		&mem.Purge{},
		&mem.Reap{},
		&mem.Rename{},
		&mem.Rollback{},
		&mem.Snapshot{},
		&mem.Spawn{},
		&mem.Stage{},
		&mem.Trash{},
		&mem.WriteFile{},

		&zfs.Activate{},
		&zfs.Advance{},
		&zfs.Clear{},
		&zfs.Clone{},
		&zfs.Forget{},
		&zfs.Guard{},
		&zfs.Promote{},
		&zfs.Publish{},
		&zfs.Purge{},
		&zfs.Reap{},
		&zfs.Receive{},
		&zfs.Rename{},
		&zfs.Rollback{},
		&zfs.Settle{},
		&zfs.Share{},
		&zfs.Show{},
		&zfs.Snapshot{},
		&zfs.Stage{},
		&zfs.Trash{},
		&zfs.Tune{},
		&zfs.WriteFile{},

		&download.Download{},
		&download.Purge{},

		&run.Cmd{},

		&jail.Abandon{},
		&jail.Accounting{},
		&jail.Around{},
		&jail.Apply{},
		&jail.Attach{},
		&jail.Attaching{},
		&jail.Attend{},
		&jail.Attempt{},
		&jail.Await{},
		&jail.Collect{},
		&jail.Copy{},
		&jail.Promote{},
		&jail.Protect{},
		&jail.Put{},
		&jail.Temporary{},
		&jail.Visit{},
		&jail.Claim{},
		&jail.Console{},
		&jail.Create{},
		&jail.Dependencies{},
		&jail.Destroy{},
		&jail.DestroySnapshot{},
		&jail.Diff{},
		&jail.Detach{},
		&jail.Exec{},
		&jail.FstabAdd{},
		&jail.FstabRemove{},
		&jail.Hook{},
		&jail.LeftOut{},
		&jail.Ready{},
		&jail.Receive{},
		&jail.Rename{},
		&jail.Restart{},
		&jail.Revert{},
		&jail.Rollback{},
		&jail.Run{},
		&jail.Send{},
		&jail.Set{},
		&jail.SetDefaults{},
		&jail.SetFstab{},
		&jail.Checking{},
		&jail.Mark{},
		&jail.Resume{},
		&jail.Mending{},
		&jail.Monitoring{},
		&jail.Noting{},
		&jail.OutOfMemory{},
		&jail.Question{},
		&jail.Revive{},
		&jail.Settle{},
		&jail.Several{},
		&jail.Sharing{},
		&jail.Snapshot{},
		&jail.Start{},
		&jail.Stop{},
		&jail.Terminate{},
		&jail.Unchanged{},
		&jail.Unconnected{},
		&jail.Unused{},
		&jail.Wait{},

		&journal.KeyRelease{},
		&journal.Recovery{},
		&journal.RunRecovery{},

		&release.Destroying{},
		&release.Importing{},
		&release.Unpacking{},
		&release.Updating{},

		&bootstrap.Bootstrap{},
		&bootstrap.Phase{},

		&oci.Layer{},
		&oci.Layers{},
		&oci.Resolve{},

		&published.Lookup{},
		&published.Sets{},
	}
}
