//go:build linux

package shell

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// job is a process that runs in the background.
type job struct {
	number  int
	pid     int
	text    string
	done    chan struct{} // closed when it has ended, and the fields below are set
	ws      syscall.WaitStatus
	stopped bool
	told    bool // the user knows that it has ended
}

// jobTable lists the jobs of this process.
type jobTable struct {
	mu   sync.Mutex
	list []*job
	// changed gets a token when a job has ended, for those who wait for any.
	changed chan struct{}
}

func (t *jobTable) init() { t.changed = make(chan struct{}, 1) }

func (t *jobTable) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list) == 0
}

// add takes in a process that was started, and waits for it in the background.
func (t *jobTable) add(pid int, text string) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 1
	for _, j := range t.list {
		n = max(n, j.number+1)
	}
	j := &job{number: n, pid: pid, text: text, done: make(chan struct{})}
	t.list = append(t.list, j)
	go t.wait(j)
	return j
}

func (t *jobTable) wait(j *job) {
	for {
		ws, err := waitFor(j.pid)
		t.mu.Lock()
		if err == nil && ws.Stopped() {
			j.stopped = true
			t.mu.Unlock()
			continue
		}
		j.ws = ws
		j.stopped = false
		close(j.done)
		t.mu.Unlock()
		select {
		case t.changed <- struct{}{}:
		default:
		}
		return
	}
}

// stopped takes in a program that was stopped while it ran in the foreground.
func (t *jobTable) stopped(s *Shell, pid int, args []string) {
	j := t.add(pid, strings.Join(args, " "))
	t.mu.Lock()
	j.stopped = true
	t.mu.Unlock()
	s.write(2, fmt.Sprintf("\n[%d]+ Stopped  %s\n", j.number, j.text))
}

func (t *jobTable) snapshot() []*job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// remove forgets jobs.
func (t *jobTable) remove(gone func(*job) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, gone)
}

func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

func (t *jobTable) state(j *job) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case j.stopped:
		return "Stopped"
	case !j.ended():
		return "Running"
	case j.ws.Signaled():
		return unix.SignalName(j.ws.Signal())
	case j.ws.ExitStatus() != 0:
		return fmt.Sprintf("Exit %d", j.ws.ExitStatus())
	}
	return "Done"
}

// find finds the job that %1, %+, %name or a process number stands for.
func (t *jobTable) find(spec string) *job {
	list := t.snapshot()
	if len(list) == 0 {
		return nil
	}
	name, isSpec := strings.CutPrefix(spec, "%")
	if !isSpec {
		pid, err := strconv.Atoi(spec)
		i := slices.IndexFunc(list, func(j *job) bool { return err == nil && j.pid == pid })
		if i < 0 {
			return nil
		}
		return list[i]
	}
	switch name {
	case "", "+", "%":
		return list[len(list)-1]
	case "-":
		return list[max(0, len(list)-2)]
	}
	for _, j := range slices.Backward(list) {
		if n, err := strconv.Atoi(name); err == nil && j.number == n || err != nil && strings.HasPrefix(j.text, name) {
			return j
		}
	}
	return nil
}

// reportJobs tells the user, before the prompt, what has ended.
func (s *Shell) reportJobs() {
	for _, j := range s.jobs.snapshot() {
		if j.ended() {
			s.write(2, fmt.Sprintf("[%d]+ %-8s %s\n", j.number, s.jobs.state(j), j.text))
			j.told = true
		}
	}
	s.jobs.remove(func(j *job) bool { return j.told })
}

func jobsBuiltin(s *Shell, args []string) int {
	pids, long := false, false
	for _, a := range args[1:] {
		pids = pids || a == "-p"
		long = long || a == "-l"
	}
	for _, j := range s.jobs.snapshot() {
		switch {
		case pids:
			s.write(1, fmt.Sprintf("%d\n", j.pid))
		case long:
			s.write(1, fmt.Sprintf("[%d]+ %d %-8s %s\n", j.number, j.pid, s.jobs.state(j), j.text))
		default:
			s.write(1, fmt.Sprintf("[%d]+ %-8s %s\n", j.number, s.jobs.state(j), j.text))
		}
	}
	s.jobs.remove((*job).ended)
	return 0
}

// waitBuiltin waits for jobs. A signal with a trap ends the wait, so that a script can react at once.
func waitBuiltin(s *Shell, args []string) int {
	args = args[1:]
	if len(args) > 0 && args[0] == "-n" {
		return s.waitAny()
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		for _, j := range s.jobs.snapshot() {
			if status, ok := s.waitJob(j); !ok {
				return status
			}
		}
		return 0
	}
	status := 0
	for _, spec := range args {
		j := s.jobs.find(spec)
		if j == nil {
			s.errorf("wait: %s is no job of this shell", spec)
			status = 127
			continue
		}
		var ok bool
		if status, ok = s.waitJob(j); !ok {
			return status
		}
	}
	return status
}

// waitJob waits for one job and forgets it; ok is false if a signal came first.
func (s *Shell) waitJob(j *job) (status int, ok bool) {
	for {
		select {
		case <-j.done:
			s.jobs.remove(func(k *job) bool { return k == j })
			return exitStatus(j.ws), true
		case <-s.ctx.Done():
			return 128 + int(syscall.SIGINT), false
		case <-s.signals.arrived:
			if sig := s.signals.first(); sig != 0 && s.main {
				return 128 + int(sig), false
			}
		}
	}
}

func (s *Shell) waitAny() int {
	for {
		list := s.jobs.snapshot()
		if len(list) == 0 {
			return 127
		}
		for _, j := range list {
			if j.ended() {
				status, _ := s.waitJob(j)
				return status
			}
		}
		select {
		case <-s.jobs.changed:
		case <-s.ctx.Done():
			return 128 + int(syscall.SIGINT)
		case <-s.signals.arrived:
			if sig := s.signals.first(); sig != 0 && s.main {
				return 128 + int(sig)
			}
		}
	}
}

// fgBuiltin gives the terminal to a job and waits for it; bgBuiltin lets one that was stopped go on.
func fgBuiltin(s *Shell, args []string) int {
	spec := "%+"
	if len(args) > 1 {
		spec = jobSpec(args[1])
	}
	j := s.jobs.find(spec)
	if j == nil {
		s.errorf("%s: %s: no such job", args[0], spec)
		return 1
	}
	s.write(1, j.text+"\n")
	syscall.Kill(j.pid, syscall.SIGCONT)
	s.jobs.mu.Lock()
	j.stopped = false
	s.jobs.mu.Unlock()
	if args[0] == "bg" {
		return 0
	}
	if tty := s.file(0); tty != nil && s.interactive {
		own := unix.Getpgrp()
		if pgid, err := unix.Getpgid(j.pid); err == nil && pgid != own {
			if giveTerminal(tty, pgid) == nil {
				defer giveTerminal(tty, own)
			}
		}
	}
	status, _ := s.waitJob(j)
	if j.ended() {
		s.reportDeath(j.ws)
	}
	return status
}

// jobSpec lets 1 stand for %1.
func jobSpec(arg string) string {
	if strings.HasPrefix(arg, "%") {
		return arg
	}
	return "%" + arg
}

func disownBuiltin(s *Shell, args []string) int {
	if len(args) == 1 {
		args = append(args, "%+")
	}
	for _, spec := range args[1:] {
		if j := s.jobs.find(spec); j != nil {
			s.jobs.remove(func(k *job) bool { return k == j })
		}
	}
	return 0
}

// giveTerminal makes a process group the one that the terminal's keys are for. Who does that from the
// background gets SIGTTOU, unless it is blocked.
func giveTerminal(tty *os.File, pgid int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	set.Val[0] = 1 << (unix.SIGTTOU - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		return err
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCSPGRP, pgid)
}
