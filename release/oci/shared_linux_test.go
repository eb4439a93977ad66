package oci_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/libioc/ioc/internal/backend/overlay"
	"github.com/libioc/ioc/internal/download"
	"github.com/libioc/ioc/release"
	"github.com/libioc/ioc/release/oci"
)

// TestRegistryShares: releases of images that have a layer in common have its files in common.
func TestRegistryShares(t *testing.T) {
	h, o, top := newHost(t), options(t), t.TempDir()
	o.Cache = &download.Cache{Dir: filepath.Join(top, "cache")}
	d, err := overlay.Open(filepath.Join(top, "root"), overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shared := layer(t, "bin/", "bin/sh=shell", "lib/", "lib/so=library", "usr->lib")
	images := map[release.Name]string{}
	for name, files := range map[release.Name][]string{"one": {"bin/.wh.sh=", "bin/other=1"}, "two": {"usr/new=in lib", "lib/", "lib/so2==usr/new"}} {
		h.push("org/"+string(name)+":1", image(t, "amd64", shared, layer(t, files...), shared))
		src, err := oci.Registry(h.ref("org/"+string(name)+":1"), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := release.Import(d, release.ImportOptions{Name: name, Source: src}).Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		images[name] = filepath.Join(top, "root", "releases", string(name), "root")
	}
	for name, want := range map[release.Name]string{
		"one": "bin bin/other=1 bin/sh=shell lib lib/so=library usr",
		"two": "bin bin/sh=shell lib lib/new=in lib lib/so=library lib/so2=in lib usr",
	} {
		if got := listing(t, images[name]); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	a, err := os.Stat(filepath.Join(images["one"], "lib/so"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.Stat(filepath.Join(images["two"], "lib/so")); err != nil || !os.SameFile(a, b) {
		t.Errorf("lib/so is twice there: %v", err)
	}
}
