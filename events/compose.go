package events

// Go is Call in a group: it adds o as a child of g, in a lane of its own. Then, which may be nil, is called in
// the child's step when o's body has returned, with its value and its error, which may be a Skip; what it returns
// is what the step ends with.
func Go[T any](g *Group, o Op[T], then func(s Step, v T, err error) error) {
	g.Go(o.payload, func(s Step) error {
		v, err := o.body(s)
		if then != nil {
			err = then(s, v, err)
		}
		return err
	})
}

// Map is o with f of its value, also where it fails.
func Map[T, U any](o Op[T], f func(T) U) Op[U] {
	return Op[U]{o.payload, func(s Step) (U, error) {
		v, err := o.body(s)
		return f(v), err
	}, o.preset}
}
