package release

// Offer is a system that can be fetched from a source.
type Offer struct {
	Address string // what ioc fetch takes: "alpine/3.21"
	Title   string // for people; empty: nobody says
	From    string // the server, or what on the host says that it is there
}
