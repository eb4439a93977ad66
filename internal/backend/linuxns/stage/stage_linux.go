package stage

import (
	"errors"
	"syscall"
)

func init() { //nolint:gochecknoinits // the package comment says why
	if kind, ok := syscall.Getenv(marker); ok {
		if kind == joining {
			hide()
		}
		run()
	}
}

// machine is the state between steps. Everything is done by the process's first thread, to which the
// runtime keeps init functions: credentials, namespaces and filters are a thread's, and it is this thread
// that executes the jail's program.
type machine struct {
	slots  [256]int // descriptors of detached mounts; 0 is empty
	passed []int    // descriptors that came with the program
	root   int      // O_PATH, after OpPivot
	user   user
	where  string // the object of the current step
}

// run carries out the program and does not return.
func run() {
	closeOnExec(ControlFD)
	syscall.Umask(0o022)

	m := machine{root: -1}
	program, err := m.receive()
	if err != nil {
		if !errors.Is(err, errShort) {
			report(Failure{Errno: uint32(errno(err)), Where: "read program"})
		}
		syscall.Exit(1) // the parent is gone: nobody is there to be told
	}
	hide()
	for _, step := range program {
		m.where = ""
		if err := m.do(step); err != nil {
			f := Failure{Errno: uint32(errno(err)), Where: step.Op.verb()}
			if m.where != "" {
				f.Where += " " + m.where
			}
			if step.Op == OpExec {
				f = Failure{Exec: true, Errno: f.Errno, Where: m.where}
			}
			report(f)
			syscall.Exit(1)
		}
	}
	report(Failure{Errno: uint32(syscall.ENOEXEC), Where: "program without an end"})
	syscall.Exit(1)
}

// hide keeps other processes of the jail, which may see this one in /proc, from looking into it.
func hide() { _ = prctl(syscall.PR_SET_DUMPABLE, 0, 0) }

// receive reads the program, and the descriptors that were sent with its first byte. A parent that died
// before it had written all of it gives errShort.
func (m *machine) receive() (Program, error) {
	var head [4]byte
	control := make([]byte, syscall.CmsgSpace(4*maxPassed))
	n, rights, err := 0, 0, error(nil)
	for {
		n, rights, _, _, err = syscall.Recvmsg(ControlFD, head[:], control, syscall.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errShort
	}
	messages, err := syscall.ParseSocketControlMessage(control[:rights])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		m.passed = append(m.passed, fds...)
	}
	if err := readFull(head[n:]); err != nil {
		return nil, err
	}
	body := make([]byte, get(head[:]))
	if err := readFull(body); err != nil {
		return nil, err
	}
	return decode(body)
}

// maxPassed is how many descriptors the kernel lets come with a program: SCM_MAX_FD.
const maxPassed = 253

func readFull(b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Read(ControlFD, b)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case n == 0:
			return errShort
		default:
			b = b[n:]
		}
	}
	return nil
}

func report(f Failure) { _, _ = syscall.Write(ErrorFD, f.Encode()) }

func errno(err error) syscall.Errno {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return syscall.EINVAL
}

// do carries out one step.
func (m *machine) do(s Step) error {
	switch s.Op {
	case OpBecomeRoot:
		return becomeRoot()
	case OpPrivate:
		return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	case OpHostname:
		return syscall.Sethostname([]byte(s.S[0]))
	case OpTune:
		return m.tune(s.S)
	case OpLoopback:
		return loopback()
	case OpKeyring:
		return keyring()
	case OpCgroupNS:
		return syscall.Unshare(cloneCgroup)
	case OpTree:
		return m.tree(int(s.N[0]), s.N[1], uint64(s.N[2]), uint64(s.N[3]), s.S)
	case OpFS:
		return m.filesystem(int(s.N[0]), s.N[1], uint64(s.N[2]), s.S[0], s.S[1:])
	case OpOverlay:
		return m.overlay(int(s.N[0]), uint64(s.N[2]), s.N[3], s.S)
	case OpPassed:
		if s.N[1] >= int64(len(m.passed)) {
			return syscall.EBADF
		}
		m.slots[s.N[0]] = m.passed[s.N[1]]
		return nil
	case OpPivot:
		return m.pivot(int(s.N[0]))
	case OpAttach:
		return m.attach(int(s.N[0]), s.S[0], len(s.N) > 1)
	case OpSymlink:
		return m.symlink(s.S[0], s.S[1])
	case OpReadOnly:
		return m.readOnly(s.S)
	case OpMask:
		return m.mask(s.S)
	case OpUnmount:
		return m.unmount(s.S[0])
	default:
		return m.doProcess(s)
	}
}

// doProcess carries out one step about the process itself.
func (m *machine) doProcess(s Step) error {
	switch s.Op {
	case OpUser:
		return m.setUser(s.N, s.S[0])
	case OpTTY:
		return m.terminal(s.N[0], uint16(s.N[1]), uint16(s.N[2]))
	case OpNull:
		return m.null(s.N)
	case OpRlimit:
		return prlimit(int(s.N[0]), uint64(s.N[1]), uint64(s.N[2]))
	case OpChdir:
		return m.chdir(s.S[0])
	case OpDrop:
		return m.drop(uint64(s.N[0]), uint64(s.N[1]), uint64(s.N[2]), s.N[3] == 1)
	case OpSeccomp:
		return filter(s.S[0])
	case OpInit:
		return m.execInit([]byte(s.S[0]), s.S[1], s.S[2])
	case OpExec:
		return m.exec(s.S[:s.N[0]], s.S[s.N[0]:])
	case OpEnd:
		_, _ = syscall.Write(ErrorFD, []byte{reached})
		syscall.Exit(0)
		return nil
	default:
		return syscall.ENOSYS
	}
}

// tune writes limits of the IPC namespace that this process is in: the files are about their reader's.
func (m *machine) tune(settings []string) error {
	for i := 0; i+1 < len(settings); i += 2 {
		m.where = "kernel." + settings[i]
		fd, err := syscall.Open("/proc/sys/kernel/"+settings[i], syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		_, err = syscall.Write(fd, []byte(settings[i+1]))
		if syscall.Close(fd); err != nil {
			return err
		}
	}
	return nil
}
