package jail

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/storage"
)

// SetDefaults is the payload of a change of the host's defaults.
type SetDefaults struct{ Properties []string } // sorted

// EventType is defaults.set.
func (*SetDefaults) EventType() string { return "defaults.set" }

// EventTitle is for people. It does not show values, which may be secrets.
func (p *SetDefaults) EventTitle() string {
	return "set the default of " + strings.Join(p.Properties, ", ")
}

// AppendAttrs lists the properties.
func (p *SetDefaults) AppendAttrs(dst []slog.Attr) []slog.Attr {
	return append(dst, slog.String("properties", strings.Join(p.Properties, " ")))
}

// defaults are the host's, or why they cannot be read.
type defaults struct {
	data *config.Data
	err  error
}

// defaults reads the host's. No file is no defaults.
func (k *Keeper) defaults(ctx context.Context) (d defaults) {
	file, err := k.Storage.ReadFile(ctx, storage.Global(), config.DefaultsFile)
	if errors.Is(err, fault.NotFound) {
		return d
	}
	if err == nil {
		d.data, err = config.ParseDefaults(file)
	}
	if err != nil {
		d.err = fault.New("", fault.Unknown, "", err).WithRemedy("mend the host's defaults")
	}
	return d
}

// Defaults are the host's: what holds where a jail says nothing. Nil: there are none.
func (k *Keeper) Defaults(ctx context.Context) (*config.Data, error) {
	d := k.defaults(ctx)
	return d.data, d.err
}

// SetDefaults changes the host's defaults as Set changes a jail's properties. Jails that run have to be
// restarted for those that Changed.Restart marks.
func (k *Keeper) SetDefaults(properties map[string]string) events.Op[[]Changed] {
	return events.New(&SetDefaults{sorted(properties)}, func(s events.Step) ([]Changed, error) {
		changed, err := k.setDefaults(s, properties)
		return changed, asSkip("set", config.DefaultsName, err)
	})
}

func (k *Keeper) setDefaults(s events.Step, properties map[string]string) ([]Changed, error) {
	global := storage.Global()
	if _, err := k.Enter(s, "set", Want{Dataset: global}); err != nil {
		return nil, err
	}
	old, err := k.Defaults(s.Context())
	if err != nil {
		return nil, err
	}
	for _, key := range sorted(properties) {
		if p, ok := config.Lookup(key); ok && p.Needs == config.ZFS && !config.Unset(properties[key]) {
			return nil, fault.New("property", fault.Invalid, key, errors.New("it is set of one jail at a time")).
				WithRemedy("zfs set " + strings.TrimPrefix(key, "zfs.") + "=" + properties[key] + " of the file system that the jails are below, and they inherit what can be inherited")
		}
	}
	data, changed, err := k.edit(old, properties, true)
	if err != nil {
		return nil, err
	}
	file := data.Encode()
	if len(data.Keys()) == 0 {
		file = nil
	}
	plan, err := k.Storage.WriteFile(s.Context(), global, config.DefaultsFile, file)
	if err != nil {
		return nil, err
	}
	if err := k.Claim(s, "set", true, []storage.Dataset{global}, nil); err != nil {
		return nil, err
	}
	s.Result(changed)
	return changed, plan.Apply(s)
}
