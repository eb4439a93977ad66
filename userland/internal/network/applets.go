//go:build linux

package network

import "github.com/libioc/ioc/userland/internal/applet"

// Applets lists the package's applets.
func Applets() []applet.Applet {
	return []applet.Applet{
		{Name: "httpd", Args: "[OPTION]...", About: "Serve the files of a directory by HTTP.", Run: httpd, Alone: true},
		{Name: "ip", Args: "[OPTION]... link|addr|route|neigh [COMMAND]", About: "Show and set network interfaces, addresses and routes.", Run: ip},
		{Name: "nc", Args: "[OPTION]... [HOST] [PORT]", About: "Connect to a port, or wait for a connection.", Run: nc, Alone: true},
		{Name: "nslookup", Args: "NAME", About: "Find the addresses of a name, or the names of an address.", Run: nslookup},
		{Name: "ping", Args: "[OPTION]... HOST", About: "Ask a host for an answer.", Run: ping},
		{Name: "ss", Args: "[OPTION]...", About: "Show sockets.", Run: sockets},
		{Name: "wget", Args: "[OPTION]... URL...", About: "Fetch files by HTTP.", Run: wget},
	}
}
