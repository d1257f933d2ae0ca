# Every target runs with nothing but Go, make and a POSIX shell installed; the
# race detector wants a C compiler too.

# The root module, and all modules nested in it; tools/ only pins what lint runs.
MODULES := $(sort $(patsubst %/,%,$(dir $(shell find . -name go.mod -not -path './tools/*' -not -path '*/testdata/*'))))
EXAMPLES := $(filter ./examples%,$(MODULES))
PLATFORMS := windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/386 linux/arm64

# Built from the versions in tools/go.mod, run on the module it is started in.
STATICCHECK := go tool -modfile=$(CURDIR)/tools/go.mod staticcheck

# $(call in,modules,command) runs the command in each module and stops at the
# first failure.
define in
@set -e; for module in $(1); do echo "== $$module: $(2)"; (cd "$$module" && $(2)); done
endef

.PHONY: help test test-as-user lint demo bench crash rot damage cross fuzz mutation durability

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# For the tests of one package; Go's own ten minutes are too few for a busy machine.
TIMEOUT ?= 30m

test: ## vet and test every module, with the race detector; what is skipped stands at the end
	$(call in,$(MODULES),go vet ./...)
	go run -buildvcs=false ./internal/gotest -race -timeout=$(TIMEOUT) $(MODULES)

test-as-user: ## started by root: the tests of the root module, as an ordinary user
	TIMEOUT=$(TIMEOUT) .ci/as-user

lint: ## check formatting and go.mod, and run vet and staticcheck on every module
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w on:"; echo "$$bad"; exit 1; fi
	$(call in,$(MODULES),go mod tidy -diff)
	$(call in,$(MODULES),go vet ./...)
	$(call in,$(MODULES),$(STATICCHECK) ./...)

demo: ## run the key-value store example
	go run ./examples/kvstore demo

# The directory should be on the disk to be measured; it is only used for the run.
DIR ?= .
ROUNDS ?= 5
SCALE ?= 1

bench: ## compare with other logs, into docs/benchmarks: make bench DIR=/path ROUNDS=5 SCALE=1
	cd bench && go run . -dir "$(abspath $(DIR))" -rounds $(ROUNDS) -scale $(SCALE) -out ../docs/benchmarks

IMAGES ?= 1000000

KILLS ?= 500

BESIDE ?= 2m

# Of go test's lines those are left out that say nothing; its exit status is kept.
crash: ## power cuts and failing calls on a simulated disk, kills on the real one, and readers beside: make crash IMAGES=1000000 KILLS=500 BESIDE=2m
	@{ WAL_TEST_SEED=random WAL_TEST_CRASH_IMAGES=$(IMAGES) WAL_TEST_KILL_ROUNDS=$(KILLS) WAL_TEST_BESIDE=$(BESIDE) go test -v -timeout 30m -run 'Crash|FailingCall|TestKilledProcess|TestBeside_Readers|WhatIsListedOpens' . ; echo "status $$?"; } | \
		awk '/^status / { exit $$2 } !/^===|^ +--- PASS/'

rot: ## every damaged bit, sector and block of every shape of log
	WAL_TEST_SEED=random WAL_TEST_FULL_BITROT=1 go test -v -timeout 60m -run 'BitRot|RandomDamage|BitFlipped' .

MIB ?= 256

damage: ## what a damaged log costs beside an intact one: make damage MIB=256
	WAL_TEST_DAMAGE_MIB=$(MIB) go test -count=1 -v -timeout 30m -run TestDamage_Costs .

cross: ## compile everything for Windows, macOS, and Linux on other processors, tests included
	@set -e; for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		go build -buildvcs=false -o /dev/null ./...; \
		go vet ./...; \
		for module in $(EXAMPLES); do (cd "$$module" && go build -buildvcs=false -o /dev/null ./...); done; \
	done

# Every fuzz target of the module, found in its packages. Before Go 1.27 a run may fail with
# "context deadline exceeded" when its time is over (go.dev/issue/75804); only an input that
# fails is a finding.
FUZZTIME ?= 60s

fuzz: ## fuzz every target for a while: make fuzz FUZZTIME=60s
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "== $$package: $$target"; \
			{ go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package 2>&1 || echo "status $$?"; } | \
				awk '/context deadline exceeded/ { late = 1 } /Failing input written/ { found = 1 } \
					/^status / { exit late && !found ? 0 : $$2 } { print; fflush() }'; \
		done; \
	done

mutation: ## put each deliberate mistake into the code, and see that the tests notice it
	WAL_TEST_ALL_MUTATIONS=1 go test -count=1 -timeout 60m ./internal/mutation

TRIALS ?= 300

durability: ## damage logs of ours and of others, into docs/durability-peers.md: make durability TRIALS=300
	cd durability && go run . -trials $(TRIALS) -out ../docs/durability-peers.md
