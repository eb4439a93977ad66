package config

// Root is what the file says, as encoding/json would give it with numbers as they are written.
func (d *Data) Root() map[string]any { return d.root }
