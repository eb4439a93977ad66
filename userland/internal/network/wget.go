//go:build linux

package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libioc/ioc/userland/internal/applet"
	"golang.org/x/sys/unix"
)

// fetcher is one run of wget.
type fetcher struct {
	ctx    context.Context
	p      *applet.Proc
	client *http.Client

	output, dir, post, agent          string
	headers                           []string
	quiet, show, resume, spider, keep bool
	tries                             int
}

func wget(ctx context.Context, p *applet.Proc) error {
	o := p.Options()
	f := &fetcher{ctx: ctx, p: p}
	str := func(v *string, names, arg, help string) {
		o.Func(names, arg, help, func(s string) error { *v = s; return nil })
	}
	flag := func(v *bool, names, help string) {
		o.Func(names, "", help, func(string) error { *v = true; return nil })
	}
	str(&f.output, "O output-document", "FILE", "write to FILE; - is standard output")
	str(&f.dir, "P directory-prefix", "DIR", "write files into DIR")
	flag(&f.quiet, "q quiet", "print nothing")
	flag(&f.show, "S server-response", "print what the server says")
	flag(&f.resume, "c continue", "go on with a file that is there in part")
	flag(&f.keep, "no-clobber", "do not overwrite files")
	flag(&f.spider, "spider", "only look whether it is there")
	str(&f.post, "post-data", "TEXT", "send TEXT with POST")
	str(&f.agent, "U user-agent", "NAME", "say to be NAME")
	o.Func("header", "LINE", "send another header line", func(s string) error { f.headers = append(f.headers, s); return nil })
	limit := o.String("T timeout", "SECONDS", "30", "give up after SECONDS without an answer")
	tries := o.Int("t tries", "N", 3, "try N times")
	insecure := o.Flag("no-check-certificate", "do not check certificates")
	direct := o.Flag("no-proxy", "ignore http_proxy and its like")
	o.Ignored("no-verbose")
	for i, arg := range p.Args {
		switch arg {
		case "-nc":
			p.Args[i] = "--no-clobber"
		case "-nv":
			p.Args[i] = "--no-verbose"
		}
	}
	urls, err := o.Parse()
	if err != nil {
		return err
	}
	if len(urls) == 0 {
		return applet.Usagef("a URL is needed")
	}
	f.tries = max(1, *tries)
	pause, err := applet.ParseDuration(*limit)
	if err != nil {
		return applet.Usagef("%s", err)
	}
	f.client = newClient(p, pause, *insecure, *direct)
	for _, u := range urls {
		if err := f.fetch(u); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.Errorf("%s: %s", u, err)
		}
	}
	return nil
}

func newClient(p *applet.Proc, limit time.Duration, insecure, direct bool) *http.Client {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: limit}).DialContext,
		TLSHandshakeTimeout:   limit,
		ResponseHeaderTimeout: limit,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: insecure}, //nolint:gosec // asked for
		DisableCompression:    true,
	}
	if !direct {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			host := r.URL.Hostname()
			for skip := range strings.SplitSeq(p.Getenv("no_proxy"), ",") {
				if skip = strings.TrimPrefix(strings.TrimSpace(skip), "."); skip != "" && (skip == "*" || host == skip || strings.HasSuffix(host, "."+skip)) {
					return nil, nil
				}
			}
			if proxy := p.Getenv(r.URL.Scheme + "_proxy"); proxy != "" {
				return url.Parse(proxy)
			}
			return nil, nil
		}
	}
	return &http.Client{Transport: t}
}

func (f *fetcher) fetch(text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is not supported", u.Scheme)
	}
	name := f.output
	if name == "" {
		if name = path.Base(u.Path); name == "." || name == "/" || strings.HasSuffix(u.Path, "/") {
			name = "index.html"
		}
		if f.dir != "" {
			name = strings.TrimSuffix(f.dir, "/") + "/" + name
			if err := os.MkdirAll(f.p.Path(f.dir), 0o777); err != nil {
				return err
			}
		}
	}
	if _, err := os.Lstat(f.p.Path(name)); f.keep && err == nil {
		f.say("%s is there already\n", name)
		return nil
	}
	for try := 1; ; try++ {
		again, err := f.try(u, name)
		if err == nil || !again || try >= f.tries || f.ctx.Err() != nil {
			return err
		}
		f.say("%s; trying again\n", err)
		if err := applet.Sleep(f.ctx, time.Duration(try)*time.Second); err != nil {
			return err
		}
	}
}

func (f *fetcher) say(format string, args ...any) {
	if !f.quiet {
		fmt.Fprintf(f.p.Stderr, format, args...)
	}
}

// try makes one request. again tells that another one may succeed.
func (f *fetcher) try(u *url.URL, name string) (again bool, err error) {
	method, body := http.MethodGet, io.Reader(nil)
	if f.spider {
		method = http.MethodHead
	}
	if f.post != "" {
		method, body = http.MethodPost, strings.NewReader(f.post)
	}
	req, err := http.NewRequestWithContext(f.ctx, method, u.String(), body)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", "userland-wget")
	if f.agent != "" {
		req.Header.Set("User-Agent", f.agent)
	}
	if f.post != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, line := range f.headers {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return false, fmt.Errorf("header %q has no colon", line)
		}
		req.Header.Set(key, strings.TrimSpace(value))
	}
	have := int64(0)
	if fi, err := os.Stat(f.p.Path(name)); f.resume && err == nil && fi.Mode().IsRegular() {
		have = fi.Size()
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	f.say("Connecting to %s\n", u.Host)
	resp, err := f.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		if dns, ok := errors.AsType[*net.DNSError](err); ok {
			return !dns.IsNotFound, errors.New(lookupReason(err))
		}
		return !errors.Is(err, syscall.ECONNREFUSED), err
	}
	defer resp.Body.Close()
	if f.show {
		f.printHeader(resp)
	}
	switch {
	case have > 0 && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		f.say("%s is complete\n", name)
		return false, nil
	case resp.StatusCode/100 != 2:
		return resp.StatusCode >= 500, fmt.Errorf("the server says: %s", resp.Status)
	case f.spider:
		f.say("%s is there\n", u)
		return false, nil
	}
	if resp.StatusCode != http.StatusPartialContent {
		have = 0
	}
	return true, f.save(resp, name, have)
}

func (f *fetcher) printHeader(resp *http.Response) {
	fmt.Fprintf(f.p.Stderr, "  %s %s\n", resp.Proto, resp.Status)
	keys := make([]string, 0, len(resp.Header))
	for key := range resp.Header {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		for _, value := range resp.Header[key] {
			fmt.Fprintf(f.p.Stderr, "  %s: %s\n", key, value)
		}
	}
}

func (f *fetcher) save(resp *http.Response, name string, have int64) error {
	out := f.p.Stdout
	if name != "-" {
		flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if have > 0 {
			flags = os.O_WRONLY | os.O_APPEND
		}
		file, err := os.OpenFile(f.p.Path(name), flags, 0o666)
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	m := &meter{f: f, name: name, done: have, total: -1}
	if resp.ContentLength >= 0 {
		m.total = have + resp.ContentLength
	}
	if errFile := applet.File(f.p.Stderr); errFile != nil && !f.quiet {
		_, err := unix.IoctlGetTermios(int(errFile.Fd()), unix.TCGETS)
		m.live = err == nil
	}
	_, err := applet.Copy(f.ctx, io.MultiWriter(out, m), resp.Body)
	if m.live {
		f.say("\r\x1b[K")
	}
	if err != nil {
		return err
	}
	f.say("%s: %s\n", name, applet.Human(m.done))
	return nil
}

// meter shows how far a transfer is, a few times each second.
type meter struct {
	f           *fetcher
	name        string
	done, total int64
	live        bool
	shown       time.Time
}

func (m *meter) Write(b []byte) (int, error) {
	m.done += int64(len(b))
	if now := time.Now(); m.live && now.Sub(m.shown) > 200*time.Millisecond {
		m.shown = now
		text := applet.Human(m.done)
		if m.total > 0 {
			text = fmt.Sprintf("%3d%% of %s", 100*m.done/m.total, applet.Human(m.total))
		}
		m.f.say("\r%s: %s\x1b[K", m.name, text)
	}
	return len(b), nil
}
