// Package sandboxtest has the suite that every sandbox.Driver passes.
//
// It owns what the contract promises, as tests, and the program that runs inside jails for them: the
// test program itself, which is copied into a root of its own and there does what its first argument says.
// It refuses to know how a driver isolates; what is particular to one, it tests itself, with the same tools.
//
//	func TestMain(m *testing.M) { sandboxtest.Main(m) }
//
//	func TestDriver(t *testing.T) {
//		sandboxtest.Run(t, sandboxtest.Config{New: newDriver})
//	}
package sandboxtest
