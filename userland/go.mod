module github.com/libioc/ioc/userland

go 1.26.0

require (
	github.com/benhoyt/goawk v1.29.1
	golang.org/x/sys v0.49.0
	mvdan.cc/sh/v3 v3.14.1
)

require (
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/tools v0.38.0 // indirect
)
