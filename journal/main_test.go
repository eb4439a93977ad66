package journal

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the test binary as the child of a test if it is told to; see child_test.go.
func TestMain(m *testing.M) {
	if role := os.Getenv("JOURNAL_TEST_ROLE"); role != "" {
		os.Exit(runChild(role))
	}
	goleak.VerifyTestMain(m)
}
