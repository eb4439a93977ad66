# Written for both BSD make and GNU make: no conditionals, no functions.
GO ?= go
PKGS ?= ./...
TOOL = $(GO) tool -modfile=tools/go.mod
BENCH ?= .
BENCHFLAGS ?=
FUZZTIME ?= 30s
VERSION ?=

.PHONY: help build userland test check fmt lint arch cross gen gen-all man real bench demo demo-clean test-long fuzz install-tools race vet vuln deps

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 16

build: userland ## compile everything; programs go to bin/; VERSION=v1.2.3 where there is no git to ask
	$(GO) build ./...
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w -X github.com/libioc/ioc.tagged=$(VERSION)' -o bin/ ./cmd/...

userland: # the release that is embedded in ioc, unless it is newer than its sources
	@sh scripts/userland.sh $(GO)

deps: ## install, as root on Debian, what the tests use; say what is left out elsewhere
	@sh scripts/deps.sh

test: deps userland ## everything this machine can run; as root it is more
	CGO_ENABLED=0 sh scripts/each-module.sh $(GO) test -count=1 -timeout 60m ./...

test-long: deps userland ## the same with the long runs: random programs, kill matrix, leak cycles
	CGO_ENABLED=0 IOC_LONG=1 sh scripts/each-module.sh $(GO) test -count=1 -timeout 4h ./...

race: ## the packages that start goroutines, under the race detector
	$(GO) test -race -count=1 -timeout 1h ./events/... ./journal/... ./fault/... ./internal/run/... ./internal/atomicfile/...

fuzz: ## every fuzz target for FUZZTIME (30s) each
	sh scripts/fuzz.sh $(FUZZTIME)

bench: build ## events, journal, and ioc beside other runtimes; BENCH=REGEXP, BENCHFLAGS (docs/benchmarks.md)
	CGO_ENABLED=0 $(GO) run -trimpath -ldflags='-s -w' ./internal/bench -go $(GO) -match '$(BENCH)' $(BENCHFLAGS)

arch: ## import directions and house rules
	$(GO) test -count=1 -v -run '^Test(Dependenc|ThirdParty|HouseRules)' .

vet: ## go vet on this kernel
	sh scripts/each-module.sh $(GO) vet ./...

cross: ## the other kernels still compile
	for os in freebsd linux darwin; do echo "vet $$os"; GOOS=$$os CGO_ENABLED=0 $(GO) vet $(PKGS) || exit 1; done

fmt: ## rewrite sources
	$(TOOL) gofumpt -extra -w . && $(GO) fix $(PKGS)

lint: ## both kernels: a linter sees one GOOS at a time (CONTRIBUTING: how to install it)
	for os in freebsd linux; do GOOS=$$os CGO_ENABLED=0 golangci-lint run $(PKGS) || exit 1; done
	$(TOOL) staticcheck $(PKGS)

vuln: ## known vulnerabilities; needs a network
	$(TOOL) govulncheck $(PKGS)

gen: ## make the generated pages of docs anew from the code, also in the middle of a rebase
	$(GO) generate -skip 'gen\.go' $(PKGS)

gen-all: userland ## the same and the sources that are made of others
	$(GO) generate $(PKGS)

man: ## manual pages, in bin/man/man1
	CGO_ENABLED=0 $(GO) test -count=1 -run '^TestManPages$$' ./internal/cli -man "$$PWD/bin/man/man1"

check: arch vet cross race test ## what CI runs on every push, without a linter

real: ## tests of this host's own pools and bridges: root, build tag real
	$(GO) test -count=1 -tags real $(PKGS)

demo: build ## a jail from nothing to running, as root or not, and what to type next
	@sh scripts/demo.sh

demo-clean: ## takes back all that demo made
	@sh scripts/demo.sh clean

install-tools: ## golangci-lint, goreleaser as pinned programs (minutes of CPU)
	$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	$(GO) install github.com/goreleaser/goreleaser/v2@v2.15.1
