package history_test

import (
	"context"
	"testing"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/history"
)

// BenchmarkOperation compares operations of twenty steps that are kept with those that are not, one after the other so that
// both see the same machine: what counts is the ratio, and what one that is kept costs beyond the other.
func BenchmarkOperation(b *testing.B) {
	run := func(b *testing.B, opts ...events.Option) {
		b.Helper()
		if _, err := busy(20).Do(context.Background(), opts...); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(b)
		}
	})
	b.Run("kept", func(b *testing.B) {
		d := history.In(b.TempDir(), history.Limits{})
		b.ReportAllocs()
		for b.Loop() {
			run(b, keep(d))
		}
		if err := d.Err(); err != nil {
			b.Fatal(err)
		}
	})
}
