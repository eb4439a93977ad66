//go:build race

package sandboxtest

// raceEnv keeps the race detector from sleeping for a second at the end of every probe.
func raceEnv() []string { return []string{"GORACE=atexit_sleep_ms=0"} }
