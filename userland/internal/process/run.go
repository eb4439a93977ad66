//go:build linux

package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/account"
	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// replace replaces the process by a command: for applets that change what a command inherits.
func replace(p *applet.Proc, argv, environ []string) error {
	path, err := p.Look(argv[0])
	if err == nil {
		p.Flush()
		err = unix.Exec(path, argv, environ)
	}
	p.Fail(argv[0], err)
	return applet.Exit(applet.Status(err))
}

func printenv(_ context.Context, p *applet.Proc) error {
	args, err := p.Options().Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		for _, kv := range p.Env {
			p.Println(kv)
		}
		return nil
	}
	missing := false
	for _, name := range args {
		found := false
		for _, kv := range p.Env {
			if k, v, _ := strings.Cut(kv, "="); k == name && !found {
				found = true
				p.Println(v)
			}
		}
		missing = missing || !found
	}
	if missing {
		p.Flush()
		return applet.Exit(1)
	}
	return nil
}

func env(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	empty := o.Flag("i ignore-environment", "start with an empty environment")
	unset := o.List("u unset", "NAME", "remove NAME from the environment")
	dir := o.String("C chdir", "DIR", "", "run the command in DIR")
	zero := o.Flag("0 null", "end lines with a zero byte")
	split := o.String("S split-string", "TEXT", "", "split TEXT into arguments, for #! lines")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if *split != "" {
		args = append(strings.Fields(*split), args...)
	}
	environ := p.Env
	if *empty || len(args) > 0 && args[0] == "-" {
		environ = nil
		if len(args) > 0 && args[0] == "-" {
			args = args[1:]
		}
	}
	for _, name := range *unset {
		environ = slices.DeleteFunc(slices.Clone(environ), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}
	for len(args) > 0 && strings.IndexByte(args[0], '=') > 0 {
		name, value, _ := strings.Cut(args[0], "=")
		environ = setEnv(environ, name, value)
		args = args[1:]
	}
	q := *p
	q.Env = environ
	if *dir != "" {
		q.Dir = p.Path(*dir)
	}
	if len(args) == 0 {
		end := "\n"
		if *zero {
			end = "\x00"
		}
		for _, kv := range environ {
			p.Printf("%s%s", kv, end)
		}
		return nil
	}
	if !p.Inside && *dir == "" {
		return replace(&q, args, environ)
	}
	if status := q.RunCommand(ctx, args); status != 0 {
		return applet.Exit(status)
	}
	return nil
}

func nohup(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a command is needed")
	}
	terminal := func(fd int) bool {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err == nil
	}
	if terminal(0) {
		if f, err := os.Open("/dev/null"); err == nil {
			unix.Dup3(int(f.Fd()), 0, 0)
		}
	}
	if terminal(1) {
		f, err := os.OpenFile("nohup.out", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.Stderr, "nohup: output goes to nohup.out")
		unix.Dup3(int(f.Fd()), 1, 0)
	}
	if terminal(2) {
		unix.Dup3(1, 2, 0)
	}
	signal.Ignore(syscall.SIGHUP)
	return replace(p, args, p.Env)
}

func nice(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	by := o.Int("n adjustment", "N", 10, "add N to the niceness")
	o.Digits(func(s string) (err error) { *by, err = strconv.Atoi(s); return err })
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the niceness is the thread's, and the one that calls exec keeps it
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	now = 20 - now // the system call returns 1 to 40
	if len(args) == 0 {
		p.Printf("%d\n", now)
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, now+*by); err != nil {
		p.Errorf("cannot set the niceness: %s", err)
	}
	return replace(p, args, p.Env)
}

func setsid(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	tty := o.Flag("c ctty", "make the terminal that of the session")
	wait := o.Flag("w wait", "wait for the command and pass its status")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a command is needed")
	}
	cmd, err := p.Command(context.Background(), args)
	if err != nil {
		p.Fail(args[0], err)
		return applet.Exit(applet.Status(err))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: *tty}
	if err := cmd.Start(); err != nil {
		return err
	}
	if *wait || *tty {
		if status := applet.Status(cmd.Wait()); status != 0 {
			return applet.Exit(status)
		}
	}
	return nil
}

func chroot(_ context.Context, p *applet.Proc) error {
	o := p.Options()
	spec := o.String("u userspec", "USER[:GROUP]", "", "run as this user")
	dir := o.String("d chdir", "DIR", "/", "run in DIR of the new root")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a directory is needed")
	}
	if err := unix.Chroot(p.Path(args[0])); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if err := os.Chdir(*dir); err != nil {
		return err
	}
	if *spec != "" {
		var names account.Names
		name, group, _ := strings.Cut(*spec, ":")
		u, err := names.User(name)
		if err == nil && group != "" {
			u.GID, err = names.GID(group)
		}
		if err == nil {
			err = becomeUser(u, []int{u.GID})
		}
		if err != nil {
			return err
		}
	}
	p.Dir = ""
	argv := args[1:]
	if len(argv) == 0 {
		shell := p.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		argv = []string{shell, "-i"}
	}
	p.Find = nil // an applet of this program may not exist there
	return replace(p, argv, p.Env)
}

func unshare(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	attr := &syscall.SysProcAttr{}
	flag := func(names, help string, bit uintptr) {
		o.Func(names, "", help, func(string) error { attr.Cloneflags |= bit; return nil })
	}
	flag("m mount", "with its own mounts", unix.CLONE_NEWNS)
	flag("u uts", "with its own host name", unix.CLONE_NEWUTS)
	flag("i ipc", "with its own System V IPC", unix.CLONE_NEWIPC)
	flag("n net", "with its own network", unix.CLONE_NEWNET)
	flag("p pid", "with its own process numbers (implies -f)", unix.CLONE_NEWPID)
	flag("U user", "with its own users", unix.CLONE_NEWUSER)
	flag("C cgroup", "with its own control groups", unix.CLONE_NEWCGROUP)
	root := o.Flag("r map-root-user", "with -U, be root in it")
	proc := o.Flag("mount-proc", "with -p, mount /proc (implies -m)")
	o.Ignored("f fork")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"/bin/sh"}
	}
	if *root {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if *proc {
		attr.Cloneflags |= unix.CLONE_NEWNS
		args = append([]string{"sh", "-c", `mount --make-rprivate / && mount -t proc proc /proc && exec "$@"`, "sh"}, args...)
	}
	cmd, err := p.Command(ctx, args)
	if err != nil {
		p.Fail(args[0], err)
		return applet.Exit(applet.Status(err))
	}
	cmd.SysProcAttr = attr
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT) // they are for the command
	err = cmd.Run()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		return fmt.Errorf("%s: %s", args[0], applet.Reason(err))
	}
	if status := applet.Status(err); status != 0 {
		return applet.Exit(status)
	}
	return nil
}

func sleep(ctx context.Context, p *applet.Proc) error {
	args, err := p.Options().Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a time is needed")
	}
	total := time.Duration(0)
	for _, arg := range args {
		d, err := applet.ParseDuration(arg)
		if err != nil {
			return applet.Usagef("%s", err)
		}
		if total += d; total < 0 {
			total = 1<<63 - 1
		}
	}
	return applet.Sleep(ctx, total)
}

func timeCommand(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	o.Ignored("p")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a command is needed")
	}
	cmd, err := p.Command(ctx, args)
	start := time.Now()
	if err == nil {
		err = cmd.Run()
	}
	took := time.Since(start)
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		p.Fail(args[0], err)
		return applet.Exit(applet.Status(err))
	}
	user, sys := cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()
	fmt.Fprintf(p.Stderr, "real %.3f\nuser %.3f\nsys %.3f\n", took.Seconds(), user.Seconds(), sys.Seconds())
	if status := applet.Status(err); status != 0 {
		return applet.Exit(status)
	}
	return nil
}

func timeout(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	name := o.String("s signal", "SIGNAL", "TERM", "send SIGNAL")
	after := o.String("k kill-after", "TIME", "", "send KILL that much later")
	keep := o.Flag("preserve-status", "pass the command's own status after a timeout")
	o.Ignored("foreground")
	o.Note("The status is 124 after a timeout.")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) < 2 {
		return applet.Usagef("a time and a command are needed")
	}
	limit, err := applet.ParseDuration(args[0])
	if err != nil {
		return applet.Usagef("%s", err)
	}
	sig, err := ParseSignal(*name)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	grace := time.Duration(0)
	if *after != "" {
		if grace, err = applet.ParseDuration(*after); err != nil {
			return applet.Usagef("%s", err)
		}
	}
	cmd, err := p.Command(context.Background(), args[1:])
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.Fail(args[1], err)
		return applet.Exit(applet.Status(err))
	}
	// What is sent to this process is meant for the command.
	sigs := make(chan os.Signal, 4)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if limit == 0 {
		limit = 1<<63 - 1
	}
	expired, kill := time.NewTimer(limit), make(<-chan time.Time)
	late := false
	for {
		select {
		case err := <-done:
			status := applet.Status(err)
			if late && !*keep && status != 137 {
				status = 124
			}
			if status != 0 {
				return applet.Exit(status)
			}
			return nil
		case s := <-sigs:
			cmd.Process.Signal(s)
		case <-expired.C:
			late = true
			cmd.Process.Signal(sig)
			cmd.Process.Signal(syscall.SIGCONT)
			if grace > 0 {
				kill = time.After(grace)
			}
		case <-kill:
			cmd.Process.Kill()
		}
	}
}

func watch(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	every := o.String("n interval", "SECONDS", "2", "wait SECONDS between the runs")
	noTitle := o.Flag("t no-title", "print no title")
	direct := o.Flag("x exec", "run the command itself, not by a shell")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return applet.Usagef("a command is needed")
	}
	pause, err := applet.ParseDuration(*every)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	argv := args
	if !*direct {
		argv = []string{"sh", "-c", strings.Join(args, " ")}
	}
	for {
		cmd, err := p.Command(ctx, argv)
		if err != nil {
			return err
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, nil, nil
		out, _ := cmd.CombinedOutput()
		io.WriteString(p.Stdout, "\x1b[H\x1b[2J")
		if !*noTitle {
			fmt.Fprintf(p.Stdout, "Every %s: %s   %s\n\n", pause, strings.Join(args, " "), time.Now().Format("15:04:05"))
		}
		if _, err := p.Stdout.Write(out); err != nil {
			return err
		}
		if err := applet.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func xargs(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	zero := o.Flag("0 null", "arguments end with a zero byte, and nothing is special in them")
	most := o.Int("n max-args", "N", 0, "at most N arguments for each run")
	insert := o.String("I", "TEXT", "", "replace TEXT in the command by each line")
	lines := o.Int("L max-lines", "N", 0, "use N lines for each run")
	procs := o.Int("P max-procs", "N", 1, "run up to N commands at once")
	noRun := o.Flag("r no-run-if-empty", "do not run without arguments")
	tell := o.Flag("t verbose", "print each command before it is run")
	file := o.String("a arg-file", "FILE", "", "read arguments from FILE")
	delim := o.String("d delimiter", "CHAR", "", "arguments end with CHAR")
	o.Ignored("x exit")
	o.InOrder()
	args, err := o.Parse()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"echo"}
	}
	in := p.Stdin
	if *file != "" {
		f, err := p.Open(ctx, *file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	r := &argReader{r: bufio.NewReader(in), whole: *insert != "" || *lines > 0}
	switch {
	case *zero:
		r.delim = []byte{0}
	case *delim != "":
		r.delim = []byte(strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(*delim))[:1]
	}
	x := &batcher{ctx: ctx, p: p, argv: args, tell: *tell, procs: max(1, *procs)}
	if *file == "" {
		// The commands must not eat the arguments.
		if null, err := os.Open(os.DevNull); err == nil {
			defer null.Close()
			x.stdin = null
		}
	}
	limit := *most
	if *insert != "" {
		limit = 1
	} else if *lines > 0 {
		limit = *lines
	}
	ran := false
	for {
		batch, err := r.batch(limit)
		if err != nil {
			return err
		}
		if len(batch) == 0 && (ran || *noRun || *insert != "" || p.Failed()) {
			break
		}
		ran = true
		argv := append(slices.Clone(args), batch...)
		switch {
		case *insert != "":
			argv = slices.Clone(args)
			for i := range argv {
				argv[i] = strings.ReplaceAll(argv[i], *insert, batch[0])
			}
		case *lines > 0:
			argv = append(slices.Clone(args), strings.Fields(strings.Join(batch, " "))...)
		}
		if x.start(argv); x.stop || ctx.Err() != nil || len(batch) == 0 {
			break
		}
	}
	x.wait(0)
	if x.status != 0 {
		return applet.Exit(x.status)
	}
	return nil
}

// argReader reads the arguments of xargs.
type argReader struct {
	r     *bufio.Reader
	delim []byte // nil: blanks, quotes and backslashes
	whole bool   // a line is one argument
	held  *string
}

// batch reads up to limit arguments, or as many as fit a command line.
func (a *argReader) batch(limit int) ([]string, error) {
	var args []string
	for size := 0; (limit == 0 || len(args) < limit) && len(args) < 4096; {
		if a.held == nil {
			arg, ok, err := a.next()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			a.held = &arg
		}
		if size += len(*a.held) + 9; size > 128<<10 && len(args) > 0 {
			break
		}
		args = append(args, *a.held)
		a.held = nil
	}
	return args, nil
}

func (a *argReader) next() (string, bool, error) {
	if a.delim != nil {
		arg, err := a.r.ReadString(a.delim[0])
		if err == io.EOF {
			return arg, arg != "", nil
		}
		return strings.TrimSuffix(arg, string(a.delim)), true, err
	}
	if a.whole {
		for {
			line, err := a.r.ReadString('\n')
			if text := strings.TrimLeft(strings.TrimSuffix(line, "\n"), " \t"); text != "" {
				return text, true, nil
			}
			if err == io.EOF {
				return "", false, nil
			}
			if err != nil {
				return "", false, err
			}
		}
	}
	var word strings.Builder
	quote, any := byte(0), false
	for {
		c, err := a.r.ReadByte()
		switch {
		case err == io.EOF && quote != 0:
			return "", false, fmt.Errorf("unmatched %c", quote)
		case err == io.EOF:
			return word.String(), any, nil
		case err != nil:
			return "", false, err
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, any = c, true
		case c == '\\':
			if c, err = a.r.ReadByte(); err == nil {
				any = true
				word.WriteByte(c)
			}
		case c == ' ' || c == '\t' || c == '\n':
			if any {
				return word.String(), true, nil
			}
		default:
			any = true
			word.WriteByte(c)
		}
	}
}

// batcher runs the commands of xargs, some of them at once.
type batcher struct {
	ctx     context.Context
	p       *applet.Proc
	argv    []string
	stdin   *os.File
	tell    bool
	procs   int
	running int
	done    chan int
	status  int
	stop    bool
}

func (x *batcher) start(argv []string) {
	if x.done == nil {
		x.done = make(chan int, x.procs)
	}
	x.wait(x.procs - 1)
	if x.stop {
		return
	}
	if x.tell {
		fmt.Fprintln(x.p.Stderr, strings.Join(argv, " "))
	}
	cmd, err := x.p.Command(x.ctx, argv)
	if err == nil {
		if x.stdin != nil {
			cmd.Stdin = x.stdin
		}
		err = cmd.Start()
	}
	if err != nil {
		x.p.Fail(argv[0], err)
		x.status, x.stop = applet.Status(err), true
		return
	}
	x.running++
	go func() { x.done <- applet.Status(cmd.Wait()) }()
}

// wait waits until at most n commands are running.
func (x *batcher) wait(n int) {
	for x.running > n {
		status := <-x.done
		x.running--
		switch {
		case status == 0:
		case status == 255:
			x.p.Errorf("%s: exit status 255; stopping", x.argv[0])
			x.status, x.stop = 124, true
		case status > 128:
			x.status, x.stop = 125, true
		case x.status == 0:
			x.status = 123
		}
	}
}
