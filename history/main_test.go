package history_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is the test, or one of the processes it starts; see child_test.go.
func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(child(what, os.Args[len(os.Args)-1]))
	}
	goleak.VerifyTestMain(m)
}
