//go:build !race

package sandboxtest

func raceEnv() []string { return nil }
