//go:build linux

package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// message is an rtnetlink request under construction.
type message struct{ data []byte }

// request begins a message with the fixed part that its type has.
func request(fixed ...any) *message {
	m := &message{}
	for _, v := range fixed {
		m.data, _ = binary.Append(m.data, binary.NativeEndian, v)
	}
	return m
}

// attr adds an attribute.
func (m *message) attr(kind uint16, value []byte) *message {
	m.data = binary.NativeEndian.AppendUint16(m.data, uint16(4+len(value)))
	m.data = binary.NativeEndian.AppendUint16(m.data, kind)
	m.data = append(m.data, value...)
	for len(m.data)%4 != 0 {
		m.data = append(m.data, 0)
	}
	return m
}

func (m *message) attr32(kind uint16, v uint32) *message {
	return m.attr(kind, binary.NativeEndian.AppendUint32(nil, v))
}

func (m *message) attrString(kind uint16, s string) *message {
	return m.attr(kind, append([]byte(s), 0))
}

// send sends the message and waits for the kernel's acknowledgement.
func (m *message) send(kind, flags uint16) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("netlink", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("netlink", err)
	}
	head := request(unix.NlMsghdr{Len: uint32(unix.SizeofNlMsghdr + len(m.data)), Type: kind, Flags: flags | unix.NLM_F_REQUEST | unix.NLM_F_ACK, Seq: 1})
	if err := unix.Sendto(fd, append(head.data, m.data...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("netlink", err)
	}
	buf := make([]byte, 64<<10)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return os.NewSyscallError("netlink", err)
	}
	msgs, err := syscall.ParseNetlinkMessage(buf[:n])
	if err != nil {
		return err
	}
	for _, msg := range msgs {
		if msg.Header.Type == unix.NLMSG_ERROR && len(msg.Data) >= 4 {
			if code := int32(binary.NativeEndian.Uint32(msg.Data)); code != 0 {
				return syscall.Errno(-code)
			}
			return nil
		}
	}
	return errors.New("netlink: no acknowledgement")
}

// attributes are the attributes of a message by their type.
type attributes map[uint16][]byte

func (a attributes) text(kind uint16) string { return unix.ByteSliceToString(a[kind]) }

func (a attributes) number(kind uint16) (uint32, bool) {
	v, ok := a[kind]
	if !ok || len(v) < 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(v), true
}

func parseAttributes(b []byte) attributes {
	a := attributes{}
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		a[binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED] = b[4:n]
		b = b[min(len(b), (n+3)&^3):]
	}
	return a
}

// dump asks for all objects of a kind and calls f with the body of each.
func dump(kind, family int, want uint16, f func(body []byte)) error {
	data, err := syscall.NetlinkRIB(kind, family)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	msgs, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	for _, m := range msgs {
		if m.Header.Type == want {
			f(m.Data)
		}
	}
	return nil
}

// link is a network interface.
type link struct {
	index      int32
	flags      uint32
	hardware   uint16
	attributes attributes
}

func (l *link) name() string { return l.attributes.text(unix.IFLA_IFNAME) }

func links() ([]link, error) {
	var all []link
	err := dump(unix.RTM_GETLINK, unix.AF_UNSPEC, unix.RTM_NEWLINK, func(b []byte) {
		if len(b) >= unix.SizeofIfInfomsg {
			all = append(all, link{
				hardware: binary.NativeEndian.Uint16(b[2:]), index: int32(binary.NativeEndian.Uint32(b[4:])),
				flags: binary.NativeEndian.Uint32(b[8:]), attributes: parseAttributes(b[unix.SizeofIfInfomsg:]),
			})
		}
	})
	return all, err
}

func findLink(name string) (link, error) {
	all, err := links()
	for _, l := range all {
		if l.name() == name {
			return l, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: no such interface", name)
	}
	return link{}, err
}
