# Every target runs with nothing but Go, make and a POSIX shell installed; the
# race detector wants a C compiler too.

# The root module, and all modules nested in it; tools/ only pins what lint runs.
GOMODS := $(shell find . -name go.mod -not -path './tools/*' -not -path '*/testdata/*')
MODULES := $(sort $(patsubst %/,%,$(dir $(GOMODS))))
# The nested modules that people import.
LIBRARIES := ./etcdraft ./etcdraft/storagetest
PLATFORMS := windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/386 linux/arm64

# Built from the versions in tools/go.mod. staticcheck runs on the module it is started in.
STATICCHECK := go tool -modfile="$(CURDIR)/tools/go.mod" staticcheck
MISSPELL := go tool -modfile=tools/go.mod misspell

SPELLED := $(shell find . -type f \( -name '*.go' -o -name '*.md' -o -name '*.proto' \
	-o -name '*.yml' -o -name '*.conf' -o -name Makefile -o -path './.ci/*' \) -not -path './.git/*')

# $(call in,modules,command) runs the command in each module and stops at the
# first failure.
define in
@set -e; for module in $(1); do echo "== $$module: $(2)"; (cd "$$module" && $(2)); done
endef

.PHONY: help test test-as-user lint api api-update cross demo
.PHONY: bench crash rot damage fuzz mutation durability simulate storagetest

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# For the tests of one package; Go's own ten minutes are too few for a busy machine.
TIMEOUT ?= 30m

test: ## vet and test every module, with the race detector; it lists at the end what it skipped
	$(call in,$(MODULES),go vet ./...)
	go run -buildvcs=false ./internal/gotest -race -timeout=$(TIMEOUT) $(MODULES)

test-as-user: ## started by root: the tests of the root module, as an ordinary user
	TIMEOUT=$(TIMEOUT) .ci/as-user

lint: api ## check formatting, go.mod, spelling and the API; vet and staticcheck on every module
	@bad=$$(gofmt -l .); \
		if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w on:"; echo "$$bad"; exit 1; fi
	$(call in,$(MODULES),go mod tidy -diff)
	$(call in,$(MODULES),go vet ./...)
	$(call in,$(MODULES),$(STATICCHECK) ./...)
	@echo "== .: $(MISSPELL)"; $(MISSPELL) -error $(SPELLED)

api: ## compare the exported names with the lists in api/
	go run -buildvcs=false ./internal/api

api-update: ## write the lists in api/ anew, after a change of the API that is meant
	go run -buildvcs=false ./internal/api -w

demo: ## run the key-value store example
	go run ./examples/kvstore demo

# The directory should be on the disk to be measured; it is only used for the run.
DIR ?= .
ROUNDS ?= 5
SCALE ?= 1
# Saves on a disk that the kernel limits, which needs root and Linux: auto, only or none.
LIMITS ?= auto
ONLY ?=

bench-disk: ## limit a disk, and count what it writes for a save; as root, on a disk that is idle
	cd bench && WAL_TEST_DISK=1 go test -count=1 -v -run 'Cgroup|Limit|WhatTheDisk' .

bench: ## compare with other logs, into docs/benchmarks: make bench DIR=/path ROUNDS=5 LIMITS=auto
	cd bench && go run . -dir "$(abspath $(DIR))" -rounds $(ROUNDS) -scale $(SCALE) \
		-limits $(LIMITS) -only "$(ONLY)" -out ../docs/benchmarks

IMAGES ?= 1000000

KILLS ?= 500

BESIDE ?= 2m

CRASH := Crash|FailingCall|TestKilledProcess|TestBeside_Readers|WhatIsListedOpens

crash: ## power cuts, failing calls, kills: make crash IMAGES=1000000 KILLS=500 BESIDE=2m
	WAL_TEST_SEED=random WAL_TEST_CRASH_IMAGES=$(IMAGES) WAL_TEST_KILL_ROUNDS=$(KILLS) \
		WAL_TEST_BESIDE=$(BESIDE) .ci/quiet -timeout 30m -run '$(CRASH)' .

ROT := BitRot|RandomDamage|BitFlipped

rot: ## every damaged bit, sector and block of every shape of log
	WAL_TEST_SEED=random WAL_TEST_FULL_BITROT=1 go test -v -timeout 60m -run '$(ROT)' .

MIB ?= 256

damage: ## what a damaged log costs beside an intact one: make damage MIB=256
	WAL_TEST_DAMAGE_MIB=$(MIB) go test -count=1 -v -timeout 30m -run TestDamage_Costs .

cross: ## compile everything for Windows, macOS, and Linux on other processors, tests included
	@set -e; for platform in $(PLATFORMS); do \
		echo "== $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		go build -buildvcs=false -o /dev/null ./...; \
		go vet ./...; \
		for module in $(LIBRARIES); do (cd "$$module" && go vet ./...); done; \
	done

FUZZTIME ?= 60s

fuzz: ## fuzz every target for a while: make fuzz FUZZTIME=60s
	.ci/fuzz $(FUZZTIME)

mutation: ## put each deliberate mistake into the code, and see that the tests notice it
	WAL_TEST_ALL_MUTATIONS=1 go test -count=1 -timeout 60m ./internal/mutation

SEEDS ?= 10000

simulate: ## lives of raft clusters on simulated disks, in both modes: make simulate SEEDS=10000
	cd etcdraft/internal/simulate && WAL_TEST_SEEDS=$(SEEDS) \
		go test -count=1 -v -timeout 120m -run TestCluster .

LIVES ?= 10000

storagetest: ## let nodes of raft live and crash at random: make storagetest LIVES=10000
	cd etcdraft/storagetest && WAL_TEST_SEED=random WAL_TEST_LIVES=$(LIVES) \
		go test -count=1 -timeout 60m -run 'TestToy/Lives' .

TRIALS ?= 300

durability: ## damage logs of ours and of others, into a page of docs/: make durability TRIALS=300
	cd durability && go run . -trials $(TRIALS) -out ../docs/durability-peers.md
