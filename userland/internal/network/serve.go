//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
)

func httpd(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	listen := o.String("p port", "[ADDRESS:]PORT", "80", "listen on PORT (80)")
	dir := o.String("d directory", "DIR", ".", "serve the files of DIR (.)")
	o.Func("h", "DIR", "", func(s string) error { *dir = s; return nil })
	verbose := o.Flag("v verbose", "print a line for each request")
	once := o.Flag("1 once", "end after one request")
	o.Ignored("f")
	if args, err := o.Parse(); err != nil {
		return err
	} else if len(args) > 0 {
		return applet.Usagef("unexpected %q", args[0])
	}
	if !strings.Contains(*listen, ":") {
		*listen = ":" + *listen
	}
	// Below a root that links cannot leave.
	root, err := os.OpenRoot(p.Path(*dir))
	if err != nil {
		return err
	}
	defer root.Close()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if *verbose {
		fmt.Fprintf(p.Stderr, "serving %s on %s\n", *dir, l.Addr())
	}
	files := http.FileServerFS(root.FS())
	served := make(chan struct{}, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(rec, "only GET and HEAD are served", http.StatusMethodNotAllowed)
		} else {
			files.ServeHTTP(rec, r)
		}
		if *verbose {
			fmt.Fprintf(p.Stderr, "%s %s %s %d\n", r.RemoteAddr, r.Method, r.URL.Path, rec.status)
		}
		if *once {
			w.Header().Set("Connection", "close")
			select {
			case served <- struct{}{}:
			default:
			}
		}
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	case <-served:
	}
	end, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return applet.Exit(0)
}

// recorder remembers the status of a reply.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func nc(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	listen := o.Flag("l listen", "wait for a connection")
	port := o.String("p port", "PORT", "", "with -l, wait on PORT")
	udp := o.Flag("u udp", "use UDP")
	local := o.Flag("U unix", "HOST is the path of a socket")
	scan := o.Flag("z", "only look whether the port is open")
	verbose := o.Flag("v verbose", "print what is done")
	wait := o.String("w wait", "SECONDS", "", "give up after SECONDS")
	keep := o.Flag("k", "with -l, take one connection after the other")
	o.Ignored("n")
	o.Ignored("N")
	args, err := o.Parse()
	if err != nil {
		return err
	}
	limit := time.Duration(0)
	if *wait != "" {
		if limit, err = applet.ParseDuration(*wait); err != nil {
			return applet.Usagef("%s", err)
		}
	}
	if *port != "" {
		args = append(args, *port)
	}
	proto, addr, err := target(args, *udp, *local, *listen)
	if err != nil {
		return err
	}
	say := func(format string, a ...any) {
		if *verbose {
			fmt.Fprintf(p.Stderr, format+"\n", a...)
		}
	}
	if *listen {
		return accept(ctx, p, proto, addr, *keep, say)
	}
	conn, err := (&net.Dialer{Timeout: limit}).DialContext(ctx, proto, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	say("connected to %s", conn.RemoteAddr())
	if *scan {
		return nil
	}
	return talk(p, conn, limit)
}

func target(args []string, udp, local, listen bool) (proto, addr string, err error) {
	proto = "tcp"
	if udp {
		proto = "udp"
	}
	switch {
	case local && len(args) == 1:
		if udp {
			return "unixgram", args[0], nil
		}
		return "unix", args[0], nil
	case listen && len(args) == 1:
		return proto, ":" + args[0], nil
	case len(args) == 2:
		return proto, net.JoinHostPort(args[0], args[1]), nil
	}
	return "", "", applet.Usagef("a host and a port are needed")
}

func accept(ctx context.Context, p *applet.Proc, proto, addr string, keep bool, say func(string, ...any)) error {
	if proto == "udp" {
		conn, err := net.ListenPacket(proto, addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return err
			}
			say("datagram from %s", from)
			if _, err := p.Stdout.Write(buf[:n]); err != nil {
				return err
			}
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, proto, addr)
	if err != nil {
		return err
	}
	defer l.Close()
	say("listening on %s", l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		say("connection from %s", conn.RemoteAddr())
		if err := talk(p, conn, 0); err != nil || !keep {
			return err
		}
	}
}

// talk copies both ways until both sides have finished.
func talk(p *applet.Proc, conn net.Conn, limit time.Duration) error {
	defer conn.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		io.Copy(conn, p.Stdin)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		if limit > 0 {
			conn.SetReadDeadline(time.Now().Add(limit))
		}
		n, err := conn.Read(buf)
		if n > 0 {
			if _, werr := p.Stdout.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			<-sent
			return nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func nslookup(ctx context.Context, p *applet.Proc) error {
	args, err := p.Options().Parse()
	if err != nil {
		return err
	}
	if len(args) < 1 || len(args) > 2 {
		return applet.Usagef("one name is needed")
	}
	resolver := net.DefaultResolver
	if len(args) == 2 {
		server := net.JoinHostPort(args[1], "53")
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}}
	}
	name := args[0]
	if _, err := netip.ParseAddr(name); err == nil {
		names, err := resolver.LookupAddr(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %s", name, lookupReason(err))
		}
		for _, n := range names {
			p.Println("Name:    " + strings.TrimSuffix(n, "."))
		}
		return nil
	}
	addrs, err := resolver.LookupHost(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %s", name, lookupReason(err))
	}
	p.Println("Name:    " + name)
	for _, a := range addrs {
		p.Println("Address: " + a)
	}
	return nil
}

func sockets(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	listening := o.Flag("l listening", "only sockets that wait for connections")
	all := o.Flag("a all", "all sockets")
	tcp := o.Flag("t tcp", "TCP")
	udp := o.Flag("u udp", "UDP")
	o.Ignored("n numeric")
	o.Ignored("p processes")
	if _, err := o.Parse(); err != nil {
		return err
	}
	if !*tcp && !*udp {
		*tcp, *udp = true, true
	}
	p.Printf("%-5s %-10s %6s %6s %-30s %s\n", "Proto", "State", "Recv-Q", "Send-Q", "Local", "Peer")
	for _, table := range []struct {
		on   bool
		name string
	}{{*tcp, "tcp"}, {*tcp, "tcp6"}, {*udp, "udp"}, {*udp, "udp6"}} {
		if !table.on {
			continue
		}
		text, err := os.ReadFile("/proc/net/" + table.name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 5 || f[0] == "sl" {
				continue
			}
			state := socketState(f[3], strings.HasPrefix(table.name, "udp"))
			waits := state == "LISTEN" || state == "UNCONN"
			if waits != *listening && !*all {
				continue
			}
			send, recv, _ := strings.Cut(f[4], ":")
			s, _ := strconv.ParseUint(send, 16, 32)
			r, _ := strconv.ParseUint(recv, 16, 32)
			p.Println(strings.TrimRight(fmt.Sprintf("%-5s %-10s %6d %6d %-30s %s", table.name, state, r, s, endpoint(f[1]), endpoint(f[2])), " "))
		}
	}
	return nil
}

func socketState(code string, udp bool) string {
	names := []string{"?", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}
	n, err := strconv.ParseUint(code, 16, 8)
	if err != nil || int(n) >= len(names) {
		return "?"
	}
	if n == 7 && !udp {
		return "CLOSED"
	}
	return names[n]
}

// endpoint reads ADDRESS:PORT of /proc/net: hexadecimal, each 32 bits in the byte order of the machine.
func endpoint(text string) string {
	host, port, _ := strings.Cut(text, ":")
	raw := make([]byte, len(host)/2)
	for i := range raw {
		n, _ := strconv.ParseUint(host[2*i:2*i+2], 16, 8)
		raw[i] = byte(n)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	addr, _ := netip.AddrFromSlice(raw)
	n, _ := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n)).String()
}
