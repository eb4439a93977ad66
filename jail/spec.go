package jail

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libioc/ioc/config"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/sandbox"
	"github.com/libioc/ioc/storage"
)

// The small files beside a jail's root file system.
const (
	configFile = config.File
	fstabFile  = "fstab"
	pastFile   = "config.history.json"
)

// spec says what the sandbox is to make of a jail as it is configured now. It changes nothing.
func (k *Keeper) spec(ctx context.Context, i *Info) (sandbox.Spec, error) {
	bad := func(err error) (sandbox.Spec, error) {
		return sandbox.Spec{}, fault.New("start", fault.KindOf(err), string(i.Name), err)
	}
	root, err := k.Storage.Root(ctx, storage.Jail(i.Name))
	if err != nil {
		return bad(err)
	}
	for _, d := range []*config.Data{i.Config, i.Default} {
		for _, wrong := range d.Check() {
			if !errors.Is(wrong, config.ErrUnknown) { // what nobody knows has no effect
				return bad(wrong)
			}
		}
	}
	spec := sandbox.Spec{ID: k.ID + "-" + string(i.Name), Hostname: i.value("host_hostname"), Root: sandboxRoot(root)}
	if spec.Hostname == "" {
		spec.Hostname = hostname(i.Name)
	}
	if spec.Mounts, err = k.mounts(ctx, i, root.Dir); err != nil {
		return bad(err)
	}
	devices, err := i.devices()
	if err != nil {
		return bad(err)
	}
	spec.Mounts = append(devices, spec.Mounts...)
	if spec.Resources, err = k.resources(i); err != nil {
		return bad(err)
	}
	return spec, nil
}

// sandboxRoot says to the sandbox what the storage said.
func sandboxRoot(r storage.Root) sandbox.Root {
	if r.Overlay == nil {
		return sandbox.Root{Dir: r.Dir}
	}
	o := r.Overlay
	return sandbox.Root{Overlay: &sandbox.Overlay{
		Lowers: o.Lower, Upper: o.Upper, Work: o.Work, UserXattr: o.UserXattr,
	}}
}

// hostname makes a host name of a jail's: what a host name cannot have becomes a hyphen.
func hostname(n Name) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' {
			return '-'
		}
		return r
	}, string(n))
	return strings.Trim(name, "-.")
}

// supported refuses a property that this host cannot give an effect to.
func (k *Keeper) supported(name string) error {
	p, err := config.Find(name)
	if err != nil || p.Needs == "" {
		return err
	}
	if p.Needs == config.ZFS {
		if _, can := k.Storage.(storage.Tuner); can {
			return nil
		}
		return fault.New("property", fault.NotSupported, name, errors.New("it is one of ZFS, and the jails are not kept on it")).
			WithRemedy("use a root on ZFS")
	}
	f := k.Sandbox.Features()
	if ok := map[string]bool{"Memory": f.Memory, "PIDs": f.PIDs, "CPU": f.CPU, "CPUSet": f.CPUSet, "IO": f.IO, "Swap": f.Swap, "IPC": f.IPC}[p.Needs]; ok {
		return nil
	}
	why := f.Why[p.Needs]
	if why == "" {
		why = "it has no effect here"
	}
	return fault.New("property", fault.NotSupported, name, errors.New(why))
}

// unused lists what is configured and has no effect, sorted: what an import from another system
// brought along.
func (i *Info) unused() []string {
	var all []string
	for _, key := range i.Config.Keys() {
		v, _ := i.Config.Get(key)
		if _, err := config.Find(key); err != nil && !config.Unset(v) && !isIdentity(key) {
			all = append(all, key)
		}
	}
	return all
}

// isIdentity tells what libioc writes down although it is no choice: names and numbers of this jail.
func isIdentity(key string) bool {
	return slices.Contains([]string{"id", "name", "uuid", "hostid", "host_hostuuid"}, key)
}

// value is what holds for a property, "" for nothing.
func (i *Info) value(name string) string {
	p, err := config.Find(name)
	if err != nil {
		return ""
	}
	v, _ := config.Resolve(p, i.Config, i.Default)
	return v
}

// seconds is what holds for a property that counts them; what makes no sense counts as the default.
func (i *Info) seconds(name string) time.Duration {
	n, err := strconv.Atoi(i.value(name))
	if p, _ := config.Find(name); err != nil {
		n, _ = strconv.Atoi(p.Default)
	}
	return time.Duration(n) * time.Second
}
