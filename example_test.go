package ioc_test

import (
	"context"
	"fmt"

	"github.com/libioc/ioc"
)

// Both forms have the same effect: a jail's methods return when the work is done, and a generator's
// return the operation, to be watched. The back end in memory stands in for a real one here.
func Example() {
	ctx, backend := context.Background(), ioc.Memory()
	host, err := ioc.Open(ctx, ioc.Options{Backend: &backend, Sources: nothingElse()})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := host.Jail("myjail").Create(ctx, ioc.CreateOptions{}); err != nil {
		fmt.Println(err)
	}
	for ev := range host.JailGenerator("myjail").Start().Events(ctx) {
		if ev.Done() {
			fmt.Println(ev.Type(), ev.Status)
		}
	}
	if err := host.Jail("myjail").Stop(ctx, ioc.StopOptions{}); err != nil {
		fmt.Println(err)
	}
	info, err := host.Jail("myjail").Info(ctx)
	fmt.Println(info.Name, "is", info.State, err)

	// Output:
	// lock.claim succeeded
	// sandbox.group succeeded
	// sandbox.spawn succeeded
	// jail.attach succeeded
	// jail.start succeeded
	// myjail is stopped <nil>
}
