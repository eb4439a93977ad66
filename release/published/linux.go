package published

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/libioc/ioc/fault"
)

// alpine reads latest-releases.yaml of a branch, or for a version of three numbers the sum beside the file.
func alpine(l *lookup, server, version string) (found, error) {
	arch := l.as(map[string]string{"amd64": "x86_64", "386": "x86", "arm64": "aarch64", "arm": "armv7", "loong64": "loongarch64"})
	branch := version
	if parts := strings.Split(version, "."); len(parts) > 2 {
		branch = strings.Join(parts[:2], ".")
	}
	if branch != "edge" {
		branch = "v" + branch
	}
	dir := server + "/" + branch + "/releases/" + arch + "/"
	if strings.Count(version, ".") == 2 {
		file := "alpine-minirootfs-" + version + "-" + arch + ".tar.gz"
		text, err := l.read(dir + file + ".sha256")
		sum, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		return found{title: "Alpine Linux " + version, archives: []archive{{url: dir + file, sha256: sum}}}, err
	}
	text, err := l.read(dir + "latest-releases.yaml")
	if err != nil {
		return found{}, err
	}
	for _, e := range flatYAML(string(text)) {
		if e["flavor"] == "alpine-minirootfs" {
			size, _ := strconv.ParseInt(e["size"], 10, 64) // 0 is: not said
			return found{
				title:    "Alpine Linux " + e["version"],
				archives: []archive{{url: dir + path.Base(e["file"]), sha256: e["sha256"], size: size}},
			}, nil
		}
	}
	return found{}, fault.New("", fault.NotFound, dir, fmt.Errorf("it has no minirootfs"))
}

// flatYAML reads a list of maps of plain words, which is all that Alpine's has.
func flatYAML(text string) (all []map[string]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "-" || strings.HasPrefix(line, "- ") {
			all = append(all, map[string]string{})
			line = "  " + strings.TrimPrefix(line, "-")
		}
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || len(all) == 0 || !strings.HasPrefix(line, "  ") {
			continue
		}
		all[len(all)-1][key] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	return all
}

// simplestreams reads the index of images: products by their aliases, of which the newest version counts.
// See github.com/canonical/simplestreams and lxd's shared/simplestreams.
func simplestreams(l *lookup, server, alias string) (f found, err error) {
	ok := false
	err = l.products(server, func(list *products, arch string) bool {
		f, ok = list.find(server, alias, arch)
		return ok
	})
	if err == nil && !ok {
		err = fault.New("", fault.NotFound, server, fmt.Errorf("it has no %s for %s", alias, l.arch))
	}
	return f, err
}

// products gives one index of images after the other, until done says that it was the one, and a processor's name there.
func (l *lookup) products(server string, done func(list *products, arch string) bool) error {
	var index struct {
		Index map[string]struct {
			Path     string `json:"path"`
			Datatype string `json:"datatype"`
		} `json:"index"`
	}
	if err := l.json(server+"/streams/v1/index.json", &index); err != nil {
		return err
	}
	arch := l.as(map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"})
	for _, name := range slices.Sorted(maps.Keys(index.Index)) {
		if index.Index[name].Datatype != "image-downloads" {
			continue
		}
		var list products
		if err := l.json(server+"/"+index.Index[name].Path, &list); err != nil {
			return err
		}
		if done(&list, arch) {
			return nil
		}
	}
	return nil
}

// products is what an index of images has.
type products struct {
	Products map[string]struct {
		Aliases  string `json:"aliases"`
		Arch     string `json:"arch"`
		OS       string `json:"os"`
		Title    string `json:"release_title"`
		Versions map[string]struct {
			Items map[string]struct {
				Type   string `json:"ftype"`
				Path   string `json:"path"`
				SHA256 string `json:"sha256"`
				Size   int64  `json:"size"`
			} `json:"items"`
		} `json:"versions"`
	} `json:"products"`
}

func (p *products) find(server, alias, arch string) (found, bool) {
	for _, name := range slices.Sorted(maps.Keys(p.Products)) {
		product := p.Products[name]
		if product.Arch != arch || !slices.Contains(strings.Split(product.Aliases, ","), alias) {
			continue
		}
		versions := slices.Sorted(maps.Keys(product.Versions)) // they are called after their dates
		for _, v := range slices.Backward(versions) {
			for _, item := range product.Versions[v].Items {
				if item.Type == "root.tar.xz" {
					return found{
						title:    strings.TrimSpace(product.OS+" "+product.Title) + " " + v,
						archives: []archive{{server + "/" + item.Path, item.SHA256, item.Size}},
					}, true
				}
			}
		}
	}
	return found{}, false
}

func (l *lookup) json(url string, into any) error {
	text, err := l.read(url)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fault.New("", fault.Corrupt, url, err).WithRemedy(another)
	}
	return nil
}
