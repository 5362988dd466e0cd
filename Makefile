# kproxy: see `make help`. Outputs go to build/ only; V=1 shows the commands.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

BUILD := build
Q := $(if $(V),,@)
msg = $(if $(V),@:,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))')

ARCH := $(shell uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')
NODE := node_modules/node-linux-$(ARCH)/bin/node
CLANG ?= clang-19
CLANG_FORMAT ?= clang-format-19
export PATH := $(CURDIR)/node_modules/node-linux-$(ARCH)/bin:$(PATH)

MODULES := node_modules/.package-lock.json
ABI := $(BUILD)/generated/abi.ts
ADDON := $(BUILD)/addon/kproxy.node
KPROXY := $(BUILD)/bin/kproxy
BPF_OBJECTS := $(patsubst %.bpf.c,$(BUILD)/%.bpf.o,$(wildcard bpf/*.bpf.c))
PROGRAMS := $(KPROXY) $(ADDON) $(BPF_OBJECTS)

.PHONY: all
all: $(PROGRAMS) ## Build kproxy: BPF objects, addon, command

# --- set-up ---------------------------------------------------------------------------------------

DEB_PACKAGES := $(shell sed 's/\#.*//' packages.txt)

.PHONY: setup
setup: $(BUILD)/.packages $(MODULES) ## Install what is missing: Debian packages, Node 24, npm packages

$(BUILD)/.packages: packages.txt
	$(call msg,APT,packages.txt)
	$(Q)mkdir -p $(@D)
	$(Q)missing=$$(for p in $(DEB_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" != 0 ]; then \
	    echo "error: these Debian packages are missing and only root can install them:" $$missing >&2; exit 1; \
	  fi; \
	  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; } \
	    >$(BUILD)/packages.log 2>&1 || { tail -20 $(BUILD)/packages.log >&2; exit 1; }; \
	fi
	$(Q)touch $@

# Not `npm ci`: it refuses a lock file that lacks a tool's binaries for other systems, which some
# registries do not carry. Versions and checksums come from the lock file all the same.
$(MODULES): package.json package-lock.json .npmrc
	$(call msg,NPM,package-lock.json)
	$(Q)mkdir -p $(BUILD)
	$(Q)npm install --no-save >$(BUILD)/npm.log 2>&1 || { tail -20 $(BUILD)/npm.log >&2; exit 1; }
	$(Q)touch $@

# --- BPF ------------------------------------------------------------------------------------------

BPF_SYSTEM := /usr/include/$(shell uname -m)-linux-gnu
BPF_CFLAGS := -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -idirafter $(BPF_SYSTEM) -Ibpf
BPF_HEADERS := $(wildcard bpf/*.h)

define build_bpf
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)command -v $(CLANG) >/dev/null || { echo "error: $(CLANG) not found; run 'make setup' or set CLANG" >&2; exit 1; }
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
endef

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS) | $(BUILD)/.packages
	$(build_bpf)

$(BUILD)/bpf/abi.o: bpf/abi.btf.c bpf/abi.h | $(BUILD)/.packages
	$(build_bpf)

$(BUILD)/test/%.bpf.o: test/%.bpf.c $(BPF_HEADERS) | $(BUILD)/.packages
	$(build_bpf)

$(ABI): bpf/generate-abi.ts $(BUILD)/bpf/abi.o bpf/abi.h | $(MODULES)
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(NODE) bpf/generate-abi.ts $(BUILD)/bpf/abi.o bpf/abi.h $@

# --- addon ----------------------------------------------------------------------------------------

include addon/build.mk

# --- the command ----------------------------------------------------------------------------------

CONTROL_SOURCES := $(shell find control addon -name '*.ts' -o -name '*.json')

$(BUILD)/lib/main.mjs: $(CONTROL_SOURCES) $(ABI) package.json bundle.ts | $(MODULES)
	$(call msg,BUNDLE,$@)
	$(Q)$(NODE) bundle.ts $(@D)

$(KPROXY): control/cli/kproxy.sh $(BUILD)/lib/main.mjs
	$(call msg,INSTALL,$@)
	$(Q)install -D -m 755 $< $@

# --- tests, checks, benchmarks --------------------------------------------------------------------

include test/lab/build.mk
include test/cluster/build.mk
include test/bench/build.mk

VITEST := $(NODE) node_modules/vitest/vitest.mjs run
TEST_BPF_OBJECTS := $(patsubst %.bpf.c,$(BUILD)/%.bpf.o,$(shell find test -name '*.bpf.c'))
TEST_PROGRAMS := $(PROGRAMS) $(TEST_BPF_OBJECTS) $(LAB_PROGRAMS)

.PHONY: test test-unit test-bpf test-net test-cluster check rules format
test: setup $(TEST_PROGRAMS) stock check ## All test levels; ends with vitest's summary
	$(Q)$(VITEST)

test-unit: setup $(ABI) $(KPROXY) ## Pure logic and the command: no root needed
	$(Q)$(VITEST) --project unit

test-bpf: setup $(TEST_PROGRAMS) ## Programs and addon against the kernel (root)
	$(Q)$(VITEST) --project bpf

test-net: setup $(TEST_PROGRAMS) ## Real sockets in the laboratory (root)
	$(Q)$(VITEST) --project net

test-cluster: setup $(TEST_PROGRAMS) stock ## Real API server, controller-manager and etcd (root)
	$(Q)$(VITEST) --project cluster

.PHONY: fuzz
fuzz: setup $(ABI) ## 1,000,000 hostile objects; FUZZ_SEED=... FUZZ_INPUTS=250 repeats a finding
	$(Q)FUZZ_SEED=$(FUZZ_SEED) FUZZ_INPUTS=$(FUZZ_INPUTS) $(NODE) test/fuzz/main.ts

C_SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cc')

# Tests of the checker itself name rules that do not exist.
CITING_SOURCES = $(shell git ls-files --cached --others --exclude-standard '*.ts' '*.c' '*.h' '*.cc' '*.md' ':!test/unit/rules')

check: setup $(ABI) ## Types, lint, formats and cited rules
	$(call msg,TSC,.)
	$(Q)$(NODE) node_modules/typescript/bin/tsc -p .
	$(call msg,BIOME,.)
	$(Q)$(NODE) node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
	$(call msg,FORMAT,*.c *.h *.cc)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_SOURCES)
	$(call msg,RULES,test/rules/rules.yaml)
	$(Q)$(NODE) test/rules/check.ts $(CITING_SOURCES)

rules: setup ## Which rules of kube-proxy's behaviour the tests that ran prove; V=1 names them
	$(Q)V=$(V) $(NODE) test/rules/main.ts

format: setup ## Rewrite all sources in the project's style
	$(Q)$(NODE) node_modules/@biomejs/biome/bin/biome check --write .
	$(Q)$(CLANG_FORMAT) -i $(C_SOURCES)

.PHONY: demo demo-stop bench bench-quick
demo: setup $(PROGRAMS) $(LAB_PROGRAMS) ## Two nodes, real traffic, 15 s; KEEP=1 leaves it running
	$(Q)KEEP=$(KEEP) $(NODE) test/lab/demo.ts

demo-stop: setup ## End what `make demo KEEP=1` left running
	$(Q)$(NODE) test/lab/demo.ts --stop

bench: setup $(PROGRAMS) $(LAB_PROGRAMS) $(BENCH_PROGRAMS) stock ## All benchmarks; writes build/bench/results.json
	$(Q)$(NODE) test/bench/main.ts

bench-quick: setup $(PROGRAMS) $(LAB_PROGRAMS) $(BENCH_PROGRAMS) stock ## The same in under two minutes: fewer rounds and questions
	$(Q)$(NODE) test/bench/main.ts --quick

.PHONY: clean help
clean: ## Remove build/
	$(Q)rm -rf $(BUILD)

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
