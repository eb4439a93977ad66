//go:build linux

package shell

import (
	"os"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// stage is one command of a pipeline; both says that its standard error goes into the pipe, too.
type stage struct {
	st   *syntax.Stmt
	both bool
}

// stages lists the commands of a pipeline from left to right.
func stages(b *syntax.BinaryCmd) []stage {
	var list []stage
	if left, ok := b.X.Cmd.(*syntax.BinaryCmd); ok && (left.Op == syntax.Pipe || left.Op == syntax.PipeAll) && len(b.X.Redirs) == 0 && !b.X.Negated {
		list = stages(left)
	} else {
		list = []stage{{st: b.X}}
	}
	list[len(list)-1].both = b.Op == syntax.PipeAll
	return append(list, stage{st: b.Y})
}

// pipeline runs commands side by side, each in a copy of the environment. A command that has ended
// closes its ends of the pipes, so that its neighbours notice.
func (s *Shell) pipeline(b *syntax.BinaryCmd) {
	list := stages(b)
	statuses := make([]int, len(list))
	subs := make([]*Shell, len(list))
	var wg sync.WaitGroup
	var in *os.File
	for i, st := range list {
		sub := s.subshell()
		subs[i] = sub
		var ends []*os.File
		if in != nil {
			sub.setFile(0, in)
			ends = append(ends, in)
			in = nil
		}
		if i < len(list)-1 {
			r, w, err := pipe()
			if err != nil {
				s.errorf("%s", err)
				s.status = 1
				for _, f := range ends {
					f.Close()
				}
				break
			}
			sub.setFile(1, w)
			if st.both {
				sub.setFile(2, w)
			}
			ends = append(ends, w)
			in = r
		}
		run := func() {
			sub.stmt(st.st)
			statuses[i] = sub.finish()
			for _, f := range ends {
				f.Close()
			}
		}
		if i == len(list)-1 {
			run()
		} else {
			wg.Go(run)
		}
	}
	wg.Wait()
	s.status = statuses[len(statuses)-1]
	if s.opt.PipeFail {
		for _, status := range statuses {
			if status != 0 {
				s.status = status
			}
		}
	}
	for _, sub := range subs {
		if sub != nil {
			s.adoptInterrupt(sub)
		}
	}
}
