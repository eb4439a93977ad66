package text

import (
	"bufio"
	"context"
	"io"
)

// eachLine calls f with every line of r, without its newline. The slice is valid during the call only.
// ended is false for a last line that has no newline.
func eachLine(ctx context.Context, r io.Reader, f func(line []byte, ended bool) error) error {
	return eachRecord(ctx, r, '\n', f)
}

func eachRecord(ctx context.Context, r io.Reader, end byte, f func(line []byte, ended bool) error) error {
	b := bufio.NewReaderSize(r, 16<<10)
	var long []byte
	for n := 0; ; n++ {
		if n&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		part, err := b.ReadSlice(end)
		if err == bufio.ErrBufferFull {
			long = append(long, part...)
			continue
		}
		if long != nil {
			part = append(long, part...)
			long = nil
		}
		if ended := err == nil; ended || len(part) > 0 {
			if ended {
				part = part[:len(part)-1]
			}
			if ferr := f(part, ended); ferr != nil {
				return ferr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
