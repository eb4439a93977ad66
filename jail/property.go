package jail

// Property is what holds for a property of the jail, "" for nothing: what was set, else the default. Of a name
// that is not known it is what the configuration says.
func (i *Info) Property(name string) string {
	if v := i.value(name); v != "" {
		return v
	}
	v, _ := i.Config.Get(name)
	return v
}
