package linuxns

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/libioc/ioc/sandbox"
)

// probeIPC takes of everything as much as it gets, up to 60, and says how much that was and why no more.
func probeIPC([]string) int {
	const private, create, nowait = 0, 0o1000, 0o4000 // IPC_PRIVATE, IPC_CREAT, IPC_NOWAIT
	call := func(nr uintptr, a ...uintptr) (int, error) {
		a = append(a, 0, 0, 0)
		r, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], 0, 0)
		if e != 0 {
			return -1, e
		}
		return int(r), nil
	}
	var taken []func()
	defer func() {
		for _, undo := range taken {
			undo()
		}
	}()
	fill := func(what string, take func() (undo func(), err error)) {
		n, err := 0, error(nil)
		for ; n < 60; n++ {
			var undo func()
			if undo, err = take(); err != nil {
				break
			}
			taken = append(taken, undo)
		}
		fmt.Println(what, n, errnoName(err))
	}
	remove := func(nr uintptr, id int) func() {
		return func() {
			_, _ = call(nr, uintptr(id), 0, 0) // IPC_RMID; of semctl the second is the semaphore's number
		}
	}
	queue := -1
	fill("queues", func() (func(), error) {
		id, err := call(unix.SYS_MSGGET, private, create|0o600)
		if err == nil && queue < 0 {
			queue = id
		}
		return remove(unix.SYS_MSGCTL, id), err
	})
	message := make([]byte, 8+4096)
	message[0] = 1 // mtype
	send := func(size uintptr) error {
		_, err := call(unix.SYS_MSGSND, uintptr(queue), uintptr(unsafe.Pointer(&message[0])), size, nowait)
		return err
	}
	fmt.Println("long message", errnoName(send(4096)))
	fill("messages of 100 bytes", func() (func(), error) { return func() {}, send(100) })
	set := -1
	fill("semaphores", func() (func(), error) {
		id, err := call(unix.SYS_SEMGET, private, 1, create|0o600)
		if err == nil && set < 0 {
			set = id
		}
		return remove(unix.SYS_SEMCTL, id), err
	})
	operations := make([]struct {
		num     uint16
		op, flg int16
	}, 60)
	most := 0
	for n := 1; n <= len(operations); n++ {
		for i := range operations {
			operations[i].op = 1
		}
		if _, err := call(unix.SYS_SEMOP, uintptr(set), uintptr(unsafe.Pointer(&operations[0])), uintptr(n)); err != nil {
			break
		}
		most = n
	}
	fmt.Println("operations", most)
	id, err := call(unix.SYS_SHMGET, private, uintptr(64*os.Getpagesize()), create|0o600)
	if err == nil {
		remove(unix.SYS_SHMCTL, id)()
	}
	fmt.Println("64 pages", errnoName(err))
	fill("segments", func() (func(), error) {
		id, err := call(unix.SYS_SHMGET, private, 1, create|0o600)
		return remove(unix.SYS_SHMCTL, id), err
	})
	fill("terminals", func() (func(), error) {
		fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return func() { unix.Close(fd) }, err
	})
	return 0
}

// TestIPCLimits lets a jail find out what it may have, as it was started and while it runs.
func TestIPCLimits(t *testing.T) {
	page := int64(os.Getpagesize())
	first := sandbox.Resources{
		Queues: 3, QueueBytes: 1000, Semaphores: 4, SemaphoreOps: 5, SharedSegments: 6, SharedBytes: 50*page + 1, Terminals: 7,
	}
	next := sandbox.Resources{
		Queues: 8, QueueBytes: 2000, Semaphores: 9, SemaphoreOps: 10, SharedSegments: 11, SharedBytes: 90 * page, Terminals: 12,
	}
	said := func(queues, messages, semaphores, operations, segments int, pages string, terminals int) string {
		return strings.Join([]string{
			fmt.Sprintf("queues %d ENOSPC", queues), "long message EINVAL",
			fmt.Sprintf("messages of 100 bytes %d EAGAIN", messages), fmt.Sprintf("semaphores %d ENOSPC", semaphores),
			fmt.Sprintf("operations %d", operations), "64 pages " + pages, fmt.Sprintf("segments %d ENOSPC", segments),
			fmt.Sprintf("terminals %d ENOSPC", terminals),
		}, "\n")
	}
	const free = "queues 60 ok\nlong message ok\nmessages of 100 bytes 60 ok\nsemaphores 60 ok\noperations 60\n64 pages ok\nsegments 60 ok\nterminals 60 ok"
	for _, users := range []*sandbox.UserNS{nil, {}} {
		t.Run(map[bool]string{false: "plain", true: "users"}[users != nil], func(t *testing.T) {
			l := newLab(t)
			if f := l.Features(); !f.IPC || users != nil && !f.IDRanges {
				t.Skip(f.Why["IPC"], f.Why["IDRanges"])
			}
			l.spec.UserNS, l.spec.Resources = users, first
			j := l.begin(t)
			if got, want := l.probe(t, j, "ipc"), said(3, 10, 4, 5, 6, "ENOSPC", 7); got != want {
				t.Errorf("as it was started: got\n%s\nwant\n%s", got, want)
			}
			if !l.host().privileged {
				return
			}
			effect, err := l.Limit(j, next)
			if err != nil {
				t.Fatal(err)
			}
			if err := effect.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := l.probe(t, j, "ipc"), said(8, 20, 9, 10, 11, "ok", 12); got != want {
				t.Errorf("changed: got\n%s\nwant\n%s", got, want)
			}
			for range 2 {
				if err := effect.Undo(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := l.probe(t, j, "ipc"), said(3, 10, 4, 5, 6, "ENOSPC", 7); got != want {
				t.Errorf("changed back: got\n%s\nwant\n%s", got, want)
			}
			if effect, err = l.Limit(j, sandbox.Resources{}); err == nil {
				err = effect.Do(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := l.probe(t, j, "ipc"); got != free {
				t.Errorf("without limits: got\n%s\nwant\n%s", got, free)
			}
			if again, err := l.Limit(j, sandbox.Resources{}); err != nil || len(again.(*Relimit).IPC) > 0 || again.(*Relimit).Terminals != (Setting{}) {
				t.Errorf("what is so is planned again: %+v, %v", again, err)
			}
		})
	}
}
