package fault_test

import (
	"errors"
	"fmt"

	"github.com/libioc/ioc/fault"
)

func Example() {
	err := fault.New("start", fault.Unknown, "web",
		fault.New("mount", fault.Denied, "/dev", errors.New("devfs: permission denied")).
			WithRemedy("run it as root"))

	fmt.Println(err)
	fmt.Println(errors.Is(err, fault.Denied), fault.KindOf(err).Name(), fault.ExitCode(err))
	fmt.Println(fault.Remedies(err))
	// Output:
	// start web: mount /dev: devfs: permission denied
	// true denied 1
	// [run it as root]
}

func ExampleUnsupported() {
	err := fault.New("start", fault.Unknown, "web", fault.Unsupported("idmapped mounts", "Linux 5.12"))
	if needs, ok := errors.AsType[*fault.NeedsError](err); ok && errors.Is(err, fault.NotSupported) {
		fmt.Println(needs.Feature, "wants", needs.Needs)
	}
	// Output: idmapped mounts wants Linux 5.12
}
