package storage

import "context"

type pointsKey struct{}

// WithPoints calls f at every Point that an effect passes whose Do or Undo is given the context. It
// is for crash tests, which kill the process there.
func WithPoints(ctx context.Context, f func(name string)) context.Context {
	return context.WithValue(ctx, pointsKey{}, f)
}

// Point marks a moment between two changes of an effect: whoever is killed there leaves it half done.
func Point(ctx context.Context, name string) {
	if f, ok := ctx.Value(pointsKey{}).(func(string)); ok {
		f(name)
	}
}
