# make lists the targets; each is one plain command.
export CGO_ENABLED := 0
GO := go

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: ## the whole product with nothing to set up (needs Go only)
	$(GO) run ./cmd/backline demo

build: ## bin/backline
	$(GO) build -trimpath -o bin/backline ./cmd/backline

cross: ## check that the small machines are served
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/backline
	GOOS=linux GOARCH=arm GOARM=7 $(GO) build -o /dev/null ./cmd/backline

test: deps check cross unit sim web e2e ## everything CI runs, from a fresh machine

deps: ## what the tests need beyond Go and Node: programs of Debian's, npm packages
	@for p in chromium gcc /usr/sbin/haproxy openssl redis-server; do command -v $$p >/dev/null || missing=1; done; \
		[ -z "$$missing" ] || (apt-get update -qq && apt-get install -y -qq chromium gcc haproxy libc6-dev openssl redis-server >/dev/null)
	cd webclient && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --silent

check: ## formatting, vet, staticcheck
	@test -z "$$(gofmt -l cmd gateway channels webclient/build webclient/serve webclient/*.go)" || (gofmt -l cmd gateway channels webclient; exit 1)
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

unit: ## Go tests with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...
	$(GO) test -run 'HundredCalls|AllocatesNothing' ./gateway/media # what the race detector has no time for

sim: ## 10,000 random worlds for the router; the race detector in unit sees fewer
	$(GO) test -count=1 -run TestSimulation ./gateway/router

chaos: ## kill, freeze, cut off: all scenarios at length (SEED=7 for the same pauses, OLDER=path for two versions); the short form is part of unit
	$(if $(OLDER),BACKLINE_CHAOS_OLDER=$(abspath $(OLDER)) )$(GO) test -count=1 -timeout 40m -v -run 'One|Nodes|Sentinels' ./cmd/backline/chaos -args -long -seed $(or $(SEED),0)

web: ## type check, lint and unit tests of the front end
	cd webclient && npm run --silent check

e2e: ## real Chromium against a real gateway
	$(GO) build -o bin/backline ./cmd/backline
	cd webclient && npx playwright test

bench: ## benchmarks, short
	$(GO) test -run '^$$' -bench . -benchtime 1s ./gateway/...

fuzz: ## every fuzz target for 10 s
	.ci/fuzz 10s

.PHONY: help demo build cross test deps check unit sim chaos web e2e bench fuzz
