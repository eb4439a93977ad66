package history

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/libioc/ioc/events"
)

// recoveries knows which run recovered which. It reads streams when somebody asks first, and those only that
// began after the one asked for.
type recoveries struct {
	d    *Dir
	runs []events.RunID // the oldest first
	by   map[string]events.RunID
}

// recoveredType is the type of the step that recovers a dead run, whose ID is its key. Package journal has it.
const recoveredType = "run.recover"

// explain says who has recovered o, which crashed; nobody may have.
func (r *recoveries) explain(o *Operation) {
	if r.by == nil {
		r.by = map[string]events.RunID{}
		for _, id := range r.runs {
			if bytes.Compare(id[:], o.Run.ID[:]) > 0 {
				r.read(id)
			}
		}
	}
	if id, ok := r.by[o.Run.ID.String()]; ok {
		o.Outcome, o.Recovery = Recovered, id
	}
}

// read notes which runs id has recovered. What cannot be read says nothing.
func (r *recoveries) read(id events.RunID) {
	data, err := os.ReadFile(r.d.file(id))
	if err != nil {
		return
	}
	for line := range bytes.Lines(data) {
		if !bytes.Contains(line, []byte(recoveredType)) {
			continue
		}
		var w struct{ Type, Key, Phase, Status string }
		if json.Unmarshal(line, &w) == nil && w.Type == recoveredType &&
			w.Phase == events.End.String() && w.Status == events.Succeeded.String() {
			r.by[w.Key] = id
		}
	}
}
