//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: what is compared runs on Linux only")
	os.Exit(1)
}
