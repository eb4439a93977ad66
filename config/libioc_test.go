package config_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/libioc/ioc/config"
)

// TestLibioc reads a configuration that Python's json.dumps wrote, with all that it escapes, and writes it so that
// Python reads the same again.
func TestLibioc(t *testing.T) {
	file, err := os.ReadFile("testdata/libioc/config.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := config.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"boot":         "none",
		"exec_start":   `/bin/sh -c "echo 'hello' && echo \\ $HOME" > /dev/null`,
		"ip4_addr":     "vnet0|10.0.0.2/24,vnet0|10.0.0.3/24",
		"notes":        "Grüße aus Köln\n\t☃ 日本語 😀 \u2028 \x7f \x01 </b> & <i>",
		"tags":         "",
		"template":     "-",
		"user.Ünï":     "x",
		"user.a.b.c":   "1",
		"user.a.empty": "",
	} {
		if got, ok := d.Get(key); got != want || !ok {
			t.Errorf("%s: got %q, %v; want %q", key, got, ok, want)
		}
	}
	written := d.Encode()
	again, err := config.Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	keys := d.Keys()
	if len(keys) != 19 || len(again.Keys()) != len(keys) {
		t.Errorf("read %q, and of what was written %q", keys, again.Keys())
	}
	for _, key := range keys {
		want, _ := d.Get(key)
		if got, ok := again.Get(key); got != want || !ok {
			t.Errorf("%s: written and read it is %q, %v; want %q", key, got, ok, want)
		}
	}

	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("left out: whether Python reads what was written: ", err)
	}
	cmd := exec.Command(python, "testdata/libioc/make.py", "compare")
	cmd.Stdin = bytes.NewReader(written)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Python reads something else: %v\n%s", err, out)
	}
}
