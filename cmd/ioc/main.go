// Command ioc runs jails. It owns nothing: package cli has the commands and what they refuse to know.
package main

import (
	"os"

	"github.com/libioc/ioc/internal/cli"
)

func main() {
	os.Exit(cli.Main(cli.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	}))
}
