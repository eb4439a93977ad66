package events

// Journal keeps what a run must undo where it survives the process. Package journal implements it.
type Journal interface {
	// Open gives the log of run, whose root event carries root. It is called at most once per run,
	// before its first record, so a run that registers nothing costs nothing.
	Open(run *RunInfo, root Payload) (Log, error)
}

// Log is the part of a Journal that one run holds. Its methods may be called concurrently.
//
// After an error the log may be unusable, and then every later call returns an error too: what the run did
// is undone in memory, and a recovery finds it undone.
type Log interface {
	// Append writes rec and returns its LSN, which counts from 1. When it returns, rec survives a
	// kill, and a power cut too unless rec says that it need not. rec.Params is not kept.
	Append(rec *Record) (lsn uint64, err error)
	// Seal makes the records lsns final: they are not undone any more, and the deferred ones among
	// them may run. keep is published as by Commit.
	Seal(lsns []uint64, keep []Retained) error
	// Commit makes the run final and publishes what it keeps, all or nothing.
	Commit(keep []Retained) error
	// Close ends the log. clean: nothing is left to do for a recovery. The log is unusable after it.
	Close(clean bool) error
}

// Retained are the effects that a committed run keeps under a key until they are released.
type Retained struct {
	Key    string
	LSNs   []uint64 // in the order of registration
	Extend bool     // add to what another run retained under Key; else Key must be free, or the run's own
}

// RecordType tells what a Record says.
type RecordType uint8

// Record types that the engine writes. The numbers are the ones on disk and are never reused.
const (
	RecUndo         RecordType = 1  // before an effect: how to undo it
	RecUndone       RecordType = 2  // Ref was undone; also drops every record whose Ref it is
	RecFailed       RecordType = 3  // the compensation Ref failed; Params is the text
	RecAmend        RecordType = 4  // new parameters of Ref
	RecDefer        RecordType = 5  // an action that runs after the commit
	RecSealed       RecordType = 6  // written by Log.Seal
	RecAttempt      RecordType = 7  // recovery is about to run Ref
	RecCommit       RecordType = 8  // written by Log.Commit
	RecDeferredDone RecordType = 9  // the deferred action Ref is done
	RecEnded        RecordType = 10 // written by Log.Close
	RecResolved     RecordType = 11 // an operator gave up Ref
	RecRelease      RecordType = 12 // a release of retained effects has begun: they are undone, forward
)

// Record is one entry of a Log.
type Record struct {
	Type     RecordType
	Volatile bool   // need not survive a power cut
	Lazy     bool   // need not survive one before the next record does
	Event    ID     // RecUndo, RecDefer: the event that registered it
	Ref      uint64 // RecUndo, RecDefer: LSN of the enclosing compensation or 0; others: the record it is about
	Name     string // RecUndo, RecDefer: the action's or effect's registered name
	Params   []byte // encoded parameters; RecFailed: the error's text
}
