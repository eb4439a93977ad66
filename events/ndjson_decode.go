package events

// Decoder reads what NDJSON wrote from lines that come one by one, of a file that is still being written
// for example. Where there is a reader that ends, ReadNDJSON is simpler. It is not for concurrent use.
type Decoder struct{ rd reader }

// NewDecoder makes a decoder that expects the first line of a stream.
func NewDecoder() *Decoder { return &Decoder{reader{open: map[ID]*Recorded{}}} }

// Line reads a line, which is whole and not blank. It is false for one that holds no event: the first line, and
// what this version does not know. Errors are those of ReadNDJSON without the line; nothing can be read after one.
func (d *Decoder) Line(line []byte) (ev Event, ok bool, err error) { return d.rd.line(line, false) }

// Run is the identity of the run whose stream is read, nil before its first line.
func (d *Decoder) Run() *RunInfo { return d.rd.run }
