// Package usernet connects jails of users who may not change the host's network: a program of the host's, pasta or
// slirp4netns, carries what a jail sends, by sockets of the user's own.
//
// It owns when that is done, which program does it and how it is asked, found again and ended. What needs no rights, and
// all that is asked of somebody who has them, it leaves to the driver that it is given. It refuses to know what those
// programs do to a packet.
package usernet
