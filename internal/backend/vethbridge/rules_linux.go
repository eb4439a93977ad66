package vethbridge

import (
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ruleset is the part of one start in the table of its root: for each of the kernel's hooks that it needs, a chain
// of its own that the hook's chain jumps to. Rules of different jails are never in one chain.
type ruleset struct {
	family nftables.TableFamily
	table  string // of the root alone
	suffix string // of this start's chains
	chains []chain
}

// chain is a jail's part of a hook's.
type chain struct {
	hook  nftables.Chain // with Name, Type, Hooknum and Priority
	rules [][]expr.Any
}

// tableName names the table of a root.
func tableName(group string) string { return "ioc_" + group }

// suffixOf makes the end of the names of a start's chains: the jail's name in letters that nft can read back, and the start's
// own number.
func suffixOf(jail, token string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, jail)
	return "_" + name + "_" + token
}

// add makes all of it in one transaction of the kernel. The caller holds the lock.
func (r *ruleset) add() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: r.family, Name: r.table})
	for n := range r.chains {
		part := &r.chains[n]
		if len(part.rules) == 0 {
			continue
		}
		hook := part.hook
		hook.Table = table
		c.AddChain(&hook) // one that is there stays as it is
		own := c.AddChain(&nftables.Chain{Name: hook.Name + r.suffix, Table: table})
		for _, exprs := range part.rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: own, Exprs: exprs})
		}
		c.AddRule(&nftables.Rule{Table: table, Chain: &hook, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: own.Name}}})
	}
	return c.Flush()
}

// remove removes what a start has in a table, and the table with the last of it, in one transaction. The caller holds
// the lock.
func removeRules(family nftables.TableFamily, name, suffix string) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	chains, err := c.ListChainsOfTableFamily(family)
	if err != nil {
		return ignore(err, unix.ENOENT)
	}
	var hooks, mine []*nftables.Chain
	others := false
	for _, ch := range chains {
		switch {
		case ch.Table.Name != name:
		case ch.Hooknum != nil:
			hooks = append(hooks, ch)
		case strings.HasSuffix(ch.Name, suffix):
			mine = append(mine, ch)
		default:
			others = true
		}
	}
	if len(hooks)+len(mine) == 0 {
		return nil
	}
	if !others {
		c.DelTable(&nftables.Table{Family: family, Name: name})
		return ignore(c.Flush(), unix.ENOENT)
	}
	if len(mine) == 0 {
		return nil
	}
	for _, hook := range hooks {
		rules, err := c.GetRules(hook.Table, hook)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if jumpsTo(rule, suffix) {
				if err := c.DelRule(rule); err != nil {
					return err
				}
			}
		}
	}
	for _, ch := range mine {
		c.FlushChain(ch)
		c.DelChain(ch)
	}
	return c.Flush()
}

func jumpsTo(rule *nftables.Rule, suffix string) bool {
	for _, e := range rule.Exprs {
		if v, ok := e.(*expr.Verdict); ok && strings.HasSuffix(v.Chain, suffix) {
			return true
		}
	}
	return false
}

// What rules are made of. Register 1 is used for all comparisons.

func equal(data []byte) expr.Any   { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }
func differs(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: data} }

// ofKind matches packets of the address's kind.
func ofKind(a netip.Addr) []expr.Any {
	kind := byte(unix.NFPROTO_IPV4)
	if a.Is6() {
		kind = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal([]byte{kind})}
}

// header loads a packet's source or destination address; offsets are of the headers of RFC 791 and RFC 8200.
func header(a netip.Addr, source bool) expr.Any {
	p := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4}
	if source {
		p.Offset = 12
	}
	if a.Is6() {
		p.Offset, p.Len = 24, 16
		if source {
			p.Offset = 8
		}
	}
	return p
}

func from(a netip.Addr) []expr.Any { return []expr.Any{header(a, true), equal(a.AsSlice())} }
func to(a netip.Addr) []expr.Any   { return []expr.Any{header(a, false), equal(a.AsSlice())} }

func fromNetwork(p netip.Prefix) []expr.Any {
	n := uint32(p.Addr().BitLen() / 8) //nolint:gosec // 4 or 16
	return []expr.Any{
		header(p.Addr(), true),
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: n, Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()), Xor: make([]byte, n)},
		equal(p.Masked().Addr().AsSlice()),
	}
}

// interfaceName is a name as the kernel compares it; one that ends in * stands for all that begin so.
func interfaceName(name string) []byte {
	if begin, ok := strings.CutSuffix(name, "*"); ok {
		return []byte(begin)
	}
	b := make([]byte, 16)
	copy(b, name)
	return b
}

func comesBy(name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, equal(interfaceName(name))}
}

func leavesBy(name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, equal(interfaceName(name))}
}

func leavesElsewhere(name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, differs(interfaceName(name))}
}

func comesElsewhere(name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, differs(interfaceName(name))}
}

// NFT_META_IIFKIND and NFT_META_OIFKIND of linux/netfilter/nf_tables.h: what kind of interface it is.
const (
	metaIIFKind expr.MetaKey = 26
	metaOIFKind expr.MetaKey = 27
)

// isNoBridge matches packets whose interface, the one that key names, is no bridge.
func isNoBridge(key expr.MetaKey) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, differs(interfaceName("bridge"))}
}

// isNew matches packets that begin a connection. The number is NF_CT_STATE_BIT(IP_CT_NEW).
func isNew() []expr.Any {
	const begins = 1 << 3
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(begins), Xor: make([]byte, 4)},
		differs(make([]byte, 4)),
	}
}

// toHost matches packets for any address of the host.
func toHost() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true},
		equal(binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)),
	}
}

// destination is IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h.
const destination = 1 << 5

// changed loads whether a connection's destination was.
func changed() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(destination), Xor: make([]byte, 4)},
	}
}

// wasForwarded matches connections whose destination was changed, and wasNotForwarded all others.
func wasForwarded() []expr.Any    { return append(changed(), differs(make([]byte, 4))) }
func wasNotForwarded() []expr.Any { return append(changed(), equal(make([]byte, 4))) }

// mark adds a mark to a packet's.
func mark(bit uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(^bit), Xor: binaryutil.NativeEndian.PutUint32(bit),
		},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	}
}

// isMarked matches packets that have it.
func isMarked(bit uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bit), Xor: make([]byte, 4)},
		differs(make([]byte, 4)),
	}
}

// toPort matches packets of a protocol for a port.
func toPort(protocol string, port uint16) []expr.Any {
	number := byte(unix.IPPROTO_TCP)
	if protocol == "udp" {
		number = unix.IPPROTO_UDP
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		equal([]byte{number}),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binaryutil.BigEndian.PutUint16(port)),
	}
}

// divert sends a connection to another address and port.
func divert(a netip.Addr, port uint16) []expr.Any {
	family := uint32(unix.NFPROTO_IPV4)
	if a.Is6() {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: a.AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2},
	}
}

// rulesFailed says what is missing where the kernel refuses.
func rulesFailed(op, subject string, err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return unsupportedRules(subject, err)
	}
	return failed(op, subject, err)
}
