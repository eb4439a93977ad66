package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// memory shows what stays resident of a jail in which nothing runs: all there is of it is its init.
func (l *lab) memory(ctx context.Context, out io.Writer) error {
	pid, err := l.output(ctx, l.self, childFlag, "memory", l.iocRoot(), held)
	if err != nil {
		return err
	}
	b, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if err != nil {
		return err
	}
	threads, err := os.ReadDir("/proc/" + pid + "/task")
	fmt.Fprintf(out, "\nmemory of one idle jail's init, %d thread, kilobytes\n", len(threads))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 3 && slices.Contains([]string{"Rss:", "Pss:", "Private_Dirty:", "Private_Clean:", "Shared_Clean:"}, f[0]) {
			fmt.Fprintf(w, "%s\t  %s\n", f[1], strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(f[0], ":"), "_", " ")))
		}
	}
	return errors.Join(err, w.Flush())
}
