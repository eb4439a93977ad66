package overlay_test

import (
	"testing"

	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/storage/storagetest"
)

func TestSuite(t *testing.T) { storagetest.Run(t, newWorld(overlay.Options{})) }

func TestSuiteOfCopies(t *testing.T) { storagetest.Run(t, newWorld(overlay.Options{Copies: true})) }
