package bootstrap

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/libioc/ioc/internal/run"
)

// host is what the host's apt is set to.
type host struct {
	sources []repository
	acquire [][2]string // what it is told about getting files: proxies, and what it does not check
}

// readHost reads it. On a host without apt there is nothing.
func readHost(ctx context.Context) host {
	h := host{}
	list, parts := "/etc/apt/sources.list", "/etc/apt/sources.list.d"
	for key, value := range config(ctx, "shell", "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d") {
		switch key {
		case "list":
			list = value
		case "parts":
			parts = value
		}
	}
	files := []string{list}
	for _, ext := range []string{"*.list", "*.sources"} {
		more, _ := filepath.Glob(filepath.Join(parts, ext)) // the pattern is right
		files = append(files, more...)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // apt would say so
		}
		if strings.HasSuffix(name, ".sources") {
			h.sources = append(h.sources, parseStanzas(string(text))...)
		} else {
			h.sources = append(h.sources, parseList(string(text))...)
		}
	}
	for key, value := range config(ctx, "dump", "--no-empty", "--format", "%F='%v'%n", "Acquire") {
		if wanted(key) {
			h.acquire = append(h.acquire, [2]string{key, value})
		}
	}
	return h
}

// wanted are the settings that decide whether a mirror can be reached, and is believed.
func wanted(key string) bool {
	switch key {
	case "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Max-FutureTime", "Acquire::ForceIPv4", "Acquire::ForceIPv6":
		return true
	}
	return (strings.HasPrefix(key, "Acquire::http::") || strings.HasPrefix(key, "Acquire::https::")) && !strings.HasSuffix(key, "::")
}

// config gives what apt-config prints, KEY='VALUE' a line.
func config(ctx context.Context, args ...string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		r, err := run.Command(append([]string{"apt-config"}, args...)...).Run(ctx)
		if err != nil {
			return // there is no apt, or it has nothing to say
		}
		for line := range strings.Lines(string(r.Stdout)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "='")
			if ok && !yield(key, strings.TrimSuffix(value, "'")) {
				return
			}
		}
	}
}

// proxies are the environment's words for them.
func (h host) proxies() (env []string) {
	for _, a := range h.acquire {
		switch a[0] {
		case "Acquire::http::Proxy":
			env = append(env, "http_proxy="+a[1])
		case "Acquire::https::Proxy":
			env = append(env, "https_proxy="+a[1])
		}
	}
	return env
}
