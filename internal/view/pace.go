package view

import (
	"time"

	"github.com/libioc/ioc/events"
)

// Pace is how fast a step does what it says it has to do, of late: a rate over the whole would hide that
// something is stuck.
type Pace struct {
	Last    events.Amount
	samples [paceSamples]sample // the newest is at the end of the first n
	n       int
}

// A sample is kept every paceEvery, and what is older than paceSamples of them is forgotten.
const (
	paceSamples = 12
	paceEvery   = time.Second
)

type sample struct {
	at   time.Duration
	done int64
}

// newPace is that of a step that began at a time. A first amount may come with a part that was there
// already; its own time counts then.
func newPace(began time.Duration) *Pace {
	return &Pace{samples: [paceSamples]sample{{at: began}}, n: 1}
}

func (p *Pace) add(at time.Duration, a events.Amount) {
	if a.Done < p.Last.Done { // it starts over
		p.samples[0], p.n = sample{at, a.Done}, 1
	}
	p.Last = a
	if at-p.samples[p.n-1].at < paceEvery {
		return
	}
	if p.n == paceSamples {
		copy(p.samples[:], p.samples[1:])
		p.n--
	}
	p.samples[p.n] = sample{at, a.Done}
	p.n++
}

// Rate is how much is done in a second, at a time since the run began; 0: not known yet, or nothing.
func (p *Pace) Rate(at time.Duration) float64 {
	if p == nil {
		return 0
	}
	from := p.samples[0]
	for _, s := range p.samples[:p.n] { // what was long ago says nothing of now
		if at-s.at >= paceSamples*paceEvery {
			from = s
		}
	}
	d := at - from.at
	if d < paceEvery {
		return 0
	}
	return max(0, float64(p.Last.Done-from.done)/d.Seconds())
}

// Left is how long it will take at this rate; false: nobody can say.
func (p *Pace) Left(at time.Duration) (time.Duration, bool) {
	rate := p.Rate(at)
	if rate <= 0 || p.Last.Total <= 0 {
		return 0, false
	}
	s := float64(max(0, p.Last.Total-p.Last.Done)) / rate
	if s >= (1000 * time.Hour).Seconds() {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
