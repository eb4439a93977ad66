package mem

import (
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/network"
	"github.com/libioc/ioc/network/networktest"
)

// TestNetwork holds the network in memory against the contract.
func TestNetwork(t *testing.T) {
	networktest.Suite{
		New: func(*testing.T, string, string) (network.Driver, func() []string) {
			n := NewNet()
			return n, n.Objects
		},
		Inside: func(*testing.T) network.Inside { return nil },
		Bind: func(d network.Driver, e events.Effect) {
			e.(*Plug).n = d.(*Net) //nolint:forcetypeassert // there are no others
		},
	}.Run(t)
}
