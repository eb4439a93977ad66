package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/nearest"
)

// None is how an unset value is written down.
const None = "none"

// Property is what is known of a key.
type Property struct {
	Name    string
	Type    Type
	Default string // holds where nothing is set; None: nothing does
	When    When
	Needs   string // the feature of the sandbox without which it has no effect; empty: none
	Help    string // what it does, as a phrase
}

// When says when a change of a property takes effect.
type When uint8

// The times.
const (
	AtOnce  When = iota // the next time somebody looks
	AtStart             // the next time the jail is started
	Never               // it is chosen at creation
)

// String reads "at once", "at start" or "never".
func (w When) String() string {
	switch w {
	case AtStart:
		return "at start"
	case Never:
		return "never"
	default:
		return "at once"
	}
}

// userPrefix begins the names that are the user's own.
const userPrefix = "user."

// Properties lists what has an effect, in the order of their names. Names below user. are free.
func Properties() []Property {
	return []Property{
		{"boot", Bool, "no", AtOnce, "", "start the jail when the host boots"},
		{"exec_jail_user", Text, "root", AtOnce, "", "the user that commands run as in the jail"},
		{"exec_start", Text, None, AtStart, "", "shell command that is run in the jail when it has been started; the start fails with it"},
		{"exec_stop", Text, None, AtOnce, "", "shell command that is run in the jail before it is stopped"},
		{"exec_timeout", Seconds, "600", AtOnce, "", "how long exec_start and exec_stop may take, in seconds"},
		{"host_hostname", Hostname, None, AtStart, "", "the jail's host name; none: its own name"},
		{"maxproc", Count, None, AtStart, "PIDs", "how many processes and threads the jail may have"},
		{"memoryuse", Size, None, AtStart, "Memory", "how much memory the jail may use"},
		{"notes", Text, None, AtOnce, "", "a remark for people"},
		{"pcpu", Count, None, AtStart, "CPU", "how much processor time the jail may use, in percent of one processor"},
		{"priority", Int, "0", AtOnce, "", "the order in which jails are started: lower ones first"},
		{"release", Text, None, Never, "", "the release that the jail was made from"},
		{"stop_timeout", Seconds, "30", AtOnce, "", "how long the jail's processes have to end when it is stopped, in seconds; 0: they are killed at once"},
		{"tags", List, None, AtOnce, "", "words to choose jails by"},
		{"template", Bool, "no", AtOnce, "", "the jail is there to be cloned"},
	}
}

// elsewhere lists libioc's names that mean something on another system, or not yet.
func elsewhere() []string {
	return strings.Fields(`allow_chflags allow_mlock allow_mount allow_mount_devfs allow_mount_fdescfs allow_mount_fusefs
		allow_mount_nullfs allow_mount_procfs allow_mount_tmpfs allow_mount_zfs allow_quotas allow_raw_sockets
		allow_set_hostname allow_socket_af allow_sysvipc allow_vmm basejail basejail_type children_max clonejail
		coredumpsize cputime datasize defaultrouter defaultrouter6 depends devfs_ruleset enforce_statfs exec_clean
		exec_created exec_fib exec_poststart exec_poststop exec_prestart exec_prestop host_domainname host_hostuuid
		hostid hostid_strict_check interfaces ip4 ip4_addr ip4_saddrsel ip6 ip6_addr ip6_saddrsel jail_zfs
		jail_zfs_dataset legacy login_flags mac_prefix memorylocked mount_devfs mount_fdescfs mount_linprocfs
		mount_procfs msgqqueued msgqsize nmsgq nsem nsemop nshm nthr openfiles provision.method provision.rev
		provision.source pseudoterminals readbps readiops resolver rlimits securelevel shmsize stacksize swapuse
		sysvmsg sysvsem sysvshm tag type vmemoryuse vnet vnet_interfaces wallclock writebps writeiops`)
}

// identity lists libioc's names that are the jail's name, which is its dataset's and not configured.
func identity() []string { return []string{"id", "name", "uuid"} }

// Find gives the property called name. A name that ioc knows but cannot give an effect to is
// fault.NotSupported; any other is fault.Invalid and the error suggests the nearest name.
func Find(name string) (Property, error) {
	all := Properties()
	if i := slices.IndexFunc(all, func(p Property) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	if rest, ok := strings.CutPrefix(name, userPrefix); ok {
		if err := validKey(rest); err != nil {
			return Property{}, fault.New("property", fault.Invalid, name, err)
		}
		return Property{Name: name, Type: Text, Default: None, Help: "the user's own"}, nil
	}
	switch {
	case slices.Contains(identity(), name):
		return Property{}, fault.New("property", fault.Invalid, name, errors.New("it is the jail's name")).
			WithRemedy("rename the jail")
	case slices.Contains(elsewhere(), name):
		return Property{}, fault.New("property", fault.NotSupported, name, errors.New("it has no effect here"))
	}
	err := fault.New("property", fault.Invalid, name, errors.New("there is none of that name"))
	if near := nearest.Word(name, append(names(all), elsewhere()...)); near != "" {
		return Property{}, err.WithRemedy("did you mean " + near + "?")
	}
	return Property{}, err
}

func names(all []Property) []string {
	var list []string
	for _, p := range all {
		list = append(list, p.Name)
	}
	return list
}

// validKey checks the part of a name after its prefix.
func validKey(key string) error {
	for part := range strings.SplitSeq(key, ".") {
		if part == "" {
			return errors.New("a part of the name is empty")
		}
		for _, c := range part {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			default:
				return fmt.Errorf("character %q is not allowed", c)
			}
		}
	}
	return nil
}

// Effective gives what holds for p: what d says, else the default, "" for nothing.
func Effective(d *Data, p Property) string {
	v, ok := d.Get(p.Name)
	if !ok || Unset(v) {
		v = p.Default
	}
	if Unset(v) {
		return ""
	}
	return v
}

// Unset reports whether v means that nothing is set.
func Unset(v string) bool { return v == "" || v == "-" || v == None }
