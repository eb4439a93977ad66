package storage

import "time"

// Features is what a driver can do on this host, and at what price.
type Features struct {
	Driver      string // "overlay", "zfs", "mem"
	Why         string // how it came to be so, for people: "overlay: tried on /var/lib/ioc"
	Live        bool   // snapshots and clones of a jail that runs
	Cheap       bool   // a clone shares what it has not changed, and takes no time
	Independent bool   // a jail can be destroyed while clones of it live
	Ownership   bool   // files can belong to any user; otherwise all belong to the one who runs ioc
	Devices     bool   // device nodes can be stored
	Promote     bool   // the driver is a Promoter
	Quota       bool   // a dataset can be limited in size
	Depth       int    // snapshots in a row without flattening; 0: no limit
}

// Info is what is known of a dataset without looking at its files.
type Info struct {
	Dataset Dataset
	ID      string    // identifies the dataset whatever its name; never used again
	Origin  Origin    // what it was cloned from, by the name it had then; zero: it was filled
	Created time.Time // when, in UTC
	Dir     string    // where its small files are on the host; empty: nowhere
	Broken  error     // why it cannot be used; then other fields may be missing
}

// Snapshot is a named earlier state of a dataset.
type Snapshot struct {
	Name    SnapshotName
	Created time.Time // in UTC
	Used    int64     // bytes that only this snapshot holds, as far as the driver knows; -1: it does not
	ID      string    // the same wherever the snapshot was sent to; empty: the driver is no Streamer
}

// Usage is how much room a dataset takes, in bytes on disk.
type Usage struct {
	Used       int64 // what destroying the dataset would free
	Referenced int64 // what its root file system amounts to, shared or not
	Available  int64 // what could still be written
}

// Surveyed is what is known of a dataset among all of its kind.
type Surveyed struct {
	Usage
	Snapshots int
}
