package storage

import "context"

// Seen is a dataset that is in sight.
type Seen struct {
	Name Name
	Dir  string // as Info.Dir
}

// Glancer is implemented by drivers whose other answers cost a process each.
type Glancer interface {
	// Glance gives the datasets of a kind that can be seen, and used, without asking for them; in no order. It is for those
	// who ask properly before they change anything, or are refused then: one that cannot be used is missing, and so may be one that was
	// put there a moment ago by others.
	Glance(ctx context.Context, k Kind) ([]Seen, error)
}
