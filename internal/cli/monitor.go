package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/libioc/ioc"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
)

func (c *call) monitor() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "monitor",
		Short: "check and restart jails until it is ended",
		Long: `Watches the jails that run, until a signal ends it: it checks the health of those whose property health says how, every
health_interval, restarts those that have died or become unhealthy as their property restart says, and tells of processes
that the kernel has killed because a jail had no memory left. It prints what it does; all of it is in ioc events, too,
but for checks that have changed nothing.

A jail that died, or is unhealthy, is restarted after a second; the pause doubles, up to a minute, if it does not run for a
minute, and restart_limit says when it is given up. Jails that were stopped, and those that were never started, stay so.

There is one monitor for a root. It keeps nothing to itself: it can be ended and begun at any time. A restart that has begun is
brought to its end, which a second signal breaks off. contrib/systemd has a unit that runs it.`,
		Example: `ioc set health=tcp:80 restart=on-failure web
ioc monitor
ioc monitor --events ndjson`,
		Args: cobra.NoArgs,
	}, func(*cobra.Command, []string) error {
		host, err := c.open()
		if err != nil {
			return err
		}
		ctx, stop := c.until()
		defer stop()
		go func() {
			<-ctx.Done()
			stop() // the next signal has its usual effect
		}()
		strips := map[events.RunID]screen{}
		for ev, err := range host.Monitor(ctx, ioc.MonitorOptions{}) {
			if ev.Run == nil {
				if errors.Is(err, fault.Busy) { // there is another one
					return err
				}
				c.say("ioc: " + oneLine(err.Error()) + "\n")
				continue
			}
			sc := strips[ev.Run.ID]
			if sc == nil {
				sc = c.strand(ev.Run.ID, ev.Run.Started.Local().Format(time.DateTime)+" ")
				strips[ev.Run.ID] = sc
			}
			sc.Add(ev)
			if ev.Parent == 0 && ev.Phase == events.End {
				sc.Close()
				delete(strips, ev.Run.ID)
			}
			if c.outErr != nil { // who was to read has left
				return nil
			}
		}
		return nil
	})
}
