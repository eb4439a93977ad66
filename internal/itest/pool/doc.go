// Package pool holds hosts whose jails are on ZFS against the promises of ioc, on a real pool.
//
// There is nothing in it but tests. It owns the pool that they use, by package scratch, and a picture of what
// is in it, as zfs prints it. It refuses to know what the driver does: other tests see to that.
//
//   - the cycle is one test for ZFS and for layers: create, start, exec, snapshot, break, roll back, stop, destroy;
//   - the example is the one of the documentation, with an error, a consumer that leaves, and kill -9;
//   - the crash matrix kills every operation that ZFS has a part in. With IOC_LONG=1 every cell is run;
//   - the power cuts end operations together with the zfs-fuse that serves the pool, which forgets what it has not written.
package pool
