package memory_test

import (
	"testing"

	"backline/gateway/journal"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/memory"
)

func TestConformance(t *testing.T) {
	journaltest.Run(t, journaltest.Engine{Open: func(*testing.T) journal.Journal { return memory.New() }})
}
