package ioc_test

import (
	"testing"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events/eventstest"
	"github.com/libioc/ioc/jail"
	"github.com/libioc/ioc/sandbox"
)

func command(args ...string) ioc.ExecOptions {
	return ioc.ExecOptions{Process: sandbox.Process{Args: args}}
}

func TestCycle(t *testing.T) {
	w := newHost(t, ioc.Options{})
	ctx, web := t.Context(), w.JailGenerator("web")
	evs, _, err := eventstest.Record(t, web.Create(ioc.CreateOptions{Properties: map[string]string{"user.a": "b"}}))
	t.Log(eventstest.Outline(evs), err)
	evs, _, err = eventstest.Record(t, web.Start())
	t.Log(eventstest.Outline(evs), err)
	i, err := web.Info(ctx)
	t.Logf("%+v %v", i, err)
	if i.State != jail.Running {
		t.Errorf("got %s", i.State)
	}
	skipped(t, web.Start())
	evs, _, err = eventstest.Record(t, web.Exec(command("true")))
	t.Log(eventstest.Outline(evs), err)
	evs, _, err = eventstest.Record(t, web.Stop(ioc.StopOptions{}))
	t.Log(eventstest.Outline(evs), err)
	skipped(t, web.Stop(ioc.StopOptions{}))
	evs, _, err = eventstest.Record(t, web.Destroy(ioc.DestroyOptions{}))
	t.Log(eventstest.Outline(evs), err)
	t.Log(w.text(t))
	w.quiet(t)
}
