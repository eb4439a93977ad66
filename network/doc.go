// Package network is the contract between jails and whatever connects them.
//
// It owns the nouns: a [Spec] says which interfaces a jail has, on which bridges and with which addresses,
// and what of the outside it may reach; a [Plan] is what to do to get there, as effects; a [Driver] makes
// the one of the other. It owns the forms in which people write such things, too, which are libioc's and
// iocage's: eth0:bridge0, eth0|10.0.0.2/24, tcp(80:8080). Every driver passes the suite in
// network/networktest.
//
// It refuses to know how an interface is made, what a jail is beyond its name, and where its network stack
// comes from: that is the sandbox's, and the driver is given a way in ([Inside]).
//
//	plan, err := driver.Plan(ctx, spec, inside)
//	if err != nil {
//		return err // refused: nothing was done
//	}
//	apply plan.Before, start the jail with plan.Files, apply plan.After
//
// Undone newest first, in any process, the effects leave nothing of the jail's network.
package network
