package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/internal/backend/zfs/scratch"
	"github.com/libioc/ioc/storage"
)

// thin are the scenarios of an ordinary run.
const thin = "create rollback promote destroy tune receive advance"

// TestCrash kills every operation at every point in a long run, and some at one or two in an ordinary one.
func TestCrash(t *testing.T) {
	scratch.Pool(t)
	for i, s := range scenarios() {
		from, every := 1, 1
		if os.Getenv("IOC_LONG") == "" {
			if !slices.Contains(strings.Fields(thin), s.Name) {
				continue
			}
			from, every = 4+i%3, 11 // not the same ones in each
		}
		t.Run(s.Name, func(t *testing.T) { eventstest.Sweep(t, s, eventstest.From(from), eventstest.Every(every)) })
	}
}

// scenarios are the operations, on a jail with snapshots and with a clone of one of them.
func scenarios() []eventstest.Scenario {
	web := func(h *ioc.Host) *ioc.JailGenerator { return h.JailGenerator("web") }
	var all []eventstest.Scenario
	for _, s := range []struct {
		name string
		op   func(h *ioc.Host) eventstest.Operation
	}{
		{"create", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("new").Create(ioc.CreateOptions{Release: base, Properties: map[string]string{"notes": "x"}}))
		}},
		{"clone", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(web(h).Clone("copy", ioc.CloneOptions{}))
		}},
		{"clone-thick", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(web(h).Clone("copy", ioc.CloneOptions{Snapshot: "one", Thick: true}))
		}},
		{"snapshot", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).Snapshot("new")) }},
		{"snapshot-destroy", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).DestroySnapshot("one")) }},
		{"rollback", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(web(h).Rollback("one", ioc.RollbackOptions{DestroyNewer: true}))
		}},
		{"diff", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).Diff("one", "two")) }},
		{"rename", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).Rename("other")) }},
		{"promote", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(h.JailGenerator("twin").Promote()) }},
		{"destroy", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("twin").Destroy(ioc.DestroyOptions{}))
		}},
		{"set", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"notes": "y"}))
		}},
		{"tune", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("twin").Set(map[string]string{
				"quota": "2G", "reservation": "1M", "compression": "gzip", "zfs.atime": "on", "zfs.refquota": "64M", "zfs.com.example:owner": "me",
			}))
		}},
		{"untune", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(web(h).Set(map[string]string{"quota": "none", "compression": "none", "zfs.atime": "none", "zfs.logbias": "throughput"}))
		}},
		{"revert", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).Revert(0)) }},
		{"fetch", func(h *ioc.Host) eventstest.Operation {
			op, err := fetching(h, "other")
			if err != nil {
				panic(err) // there is nothing in it that a tar cannot have
			}
			return eventstest.Run(op)
		}},
		{"destroy-release", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(h.DestroyRelease("other")) }},
		{"protect", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(web(h).Protect()) }},
		{"destroy-clones", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailsGenerator("web").Destroy(ioc.DestroyOptions{Clones: true}))
		}},
		{"deactivate", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.Deactivate(secondPool(filepath.Dir(h.Root()))))
		}},
		{"activate", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.Activate(secondPool(filepath.Dir(h.Root()))))
		}},
		{"receive", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("came").Receive(ioc.ReceiveOptions{Stream: fromFile(whole(filepath.Dir(h.Root())))}))
		}},
		{"advance", func(h *ioc.Host) eventstest.Operation {
			return eventstest.Run(h.JailGenerator("came").Receive(ioc.ReceiveOptions{Stream: fromFile(news(filepath.Dir(h.Root()))), Force: true}))
		}},
		{"doctor", func(h *ioc.Host) eventstest.Operation { return eventstest.Run(h.Mend()) }},
	} {
		onHost := func(op func(h *ioc.Host) eventstest.Operation) func(dir string) (eventstest.Operation, error) {
			return func(dir string) (eventstest.Operation, error) {
				h, err := open(filepath.Join(dir, "root"))
				if err != nil {
					return eventstest.Operation{}, err
				}
				return op(h), nil
			}
		}
		before, cleanup := setup, func(dir string) error { return scratch.Destroy(fileSystem(dir)) }
		switch s.name {
		case "doctor":
			before = broken
		case "receive", "advance":
			before = func(dir string) error { return errors.Join(setup(dir), streams(dir, s.name == "advance")) }
		case "revert":
			before = func(dir string) error {
				return on(dir, setup, func(ctx context.Context, h *ioc.Host) error {
					_, err := web(h).Set(map[string]string{"quota": "2G", "zfs.atime": "none", "zfs.logbias": "throughput"}).Do(ctx)
					return err
				})
			}
		case "destroy-release":
			before = func(dir string) error {
				return on(dir, setup, func(ctx context.Context, h *ioc.Host) error {
					op, err := fetching(h, "other")
					if err == nil {
						_, err = op.Do(ctx)
					}
					return err
				})
			}
		case "activate", "deactivate":
			before = func(dir string) error {
				made := func(dir string) error { return errors.Join(emptyRoot(dir), makePool(secondPool(dir), dir)) }
				return on(dir, made, func(ctx context.Context, h *ioc.Host) (err error) {
					if s.name == "deactivate" {
						_, err = h.Activate(secondPool(dir)).Do(ctx)
					}
					return err
				})
			}
			cleanup = func(dir string) error {
				return errors.Join(scratch.Destroy(fileSystem(dir)), scratch.DestroyPool(secondPool(dir)))
			}
		}
		all = append(all, eventstest.Scenario{
			Name:      s.name,
			Setup:     before,
			Operation: onHost(s.op),
			Recover:   onHost(func(h *ioc.Host) eventstest.Operation { return eventstest.Run(h.Recover()) }),
			Clean: func(dir string) error {
				h, err := open(filepath.Join(dir, "root"))
				if err != nil {
					return err
				}
				pending, err := h.Pending()
				if len(pending) > 0 {
					err = errors.Join(err, fmt.Errorf("%d operations are pending", len(pending)))
				}
				return err
			},
			Within: storage.WithPoints,
			Snapshot: func(dir string) (string, error) {
				text, err := pictureOf(filepath.Join(dir, "root"))
				if strings.HasSuffix(s.name, "activate") && err == nil {
					var out string
					out, err = properties(secondPool(dir))
					text += strings.ReplaceAll(out, secondPool(dir), "POOL")
				}
				return text, err
			},
			Cleanup: cleanup,
		})
	}
	return all
}

// on makes a root and does something with it.
func on(dir string, made func(dir string) error, do func(context.Context, *ioc.Host) error) error {
	if err := made(dir); err != nil {
		return err
	}
	h, err := open(filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	return do(context.Background(), h)
}

// The streams of a cell.
func whole(dir string) string { return filepath.Join(dir, "whole") }
func news(dir string) string  { return filepath.Join(dir, "news") }

// fromFile reads a file that is opened when it is read first.
func fromFile(path string) io.Reader { return &fileReader{path: path} }

type fileReader struct {
	path string
	f    *os.File
}

func (r *fileReader) Read(p []byte) (n int, err error) {
	if r.f == nil {
		if r.f, err = os.Open(r.path); err != nil {
			return 0, err
		}
	}
	return r.f.Read(p)
}

// streams makes the streams of web, and a jail that has come, has gone on and has written, and has a snapshot of that.
func streams(dir string, come bool) error {
	h, err := open(filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	send := func(path, snapshot, base string) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return errors.Join(h.Jail("web").Send(ctx, snapshot, base, f), f.Close())
	}
	if err := errors.Join(send(whole(dir), "one", ""), send(news(dir), "two", "one")); err != nil || !come {
		return err
	}
	came := h.Jail("came")
	if err := came.Receive(ctx, ioc.ReceiveOptions{Stream: fromFile(whole(dir))}); err != nil {
		return err
	}
	if err := os.WriteFile(motd(h, "came"), []byte("mine"), 0o644); err != nil {
		return err
	}
	_, err = came.Snapshot(ctx, "mine")
	return err
}

// fileSystem is a cell's.
func fileSystem(dir string) string {
	return "tank/" + strings.ReplaceAll(strings.Trim(dir, "/"), "/", ".")
}

func command(args ...string) error {
	var err error
	for range 100 { // what was in use a moment ago is busy for that moment
		var out []byte
		if out, err = exec.Command("zfs", args...).CombinedOutput(); err == nil {
			return nil
		}
		err = fmt.Errorf("zfs %v: %w: %s", args, err, out)
	}
	return err
}

// emptyRoot makes a root without jails.
func emptyRoot(dir string) error {
	return command("create", "-o", "mountpoint="+filepath.Join(dir, "root"), fileSystem(dir))
}

// setup makes a root with jails.
func setup(dir string) error {
	return errors.Join(command("create", "-o", "canmount=off", "-o", "mountpoint="+dir, fileSystem(dir)), full.put(fileSystem(dir)+"/root"))
}
