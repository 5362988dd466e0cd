# The stock programs that the cluster tests and the benchmarks run: etcd, kube-apiserver,
# kube-controller-manager, kube-proxy. They come from the Go module proxy at the versions pinned in
# stock/go.mod and stock/go.sum, take minutes to build, and are therefore kept outside the tree under
# a key of everything that decides their content: any clone with the same pins reuses them.
#
# Tests find them through the link build/stock.

STOCK_GO      ?= go
STOCK_DIR     := test/cluster/stock
STOCK_VERSION := $(shell awk '$$1 == "k8s.io/kubernetes" { print $$2; exit }' $(STOCK_DIR)/go.mod)
STOCK_NEEDS   := $(shell awk '$$1 == "go" { print $$2; exit }' $(STOCK_DIR)/go.mod)
STOCK_FLAGS   := -trimpath -buildvcs=false -mod=readonly -ldflags="-s -w \
  -X k8s.io/component-base/version.gitVersion=$(STOCK_VERSION)"
STOCK_KEY     := $(shell { cat $(STOCK_DIR)/go.mod $(STOCK_DIR)/go.sum; \
  echo '$(STOCK_FLAGS)'; uname -m; } | sha256sum | cut -c1-16)
STOCK_HOME    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kproxy
STOCK_CACHE   := $(STOCK_HOME)/stock-$(STOCK_KEY)

stock: $(BUILD)/stock ## Stock Kubernetes programs for the cluster tests and benchmarks (once, some minutes)

# A link of the right name that leads nowhere (the cache was emptied) has to be made again, and so has
# one that leads to other versions: the rule runs always, and costs a readlink when nothing is to do.
$(BUILD)/stock: $(STOCK_CACHE) FORCE
	$(Q)mkdir -p $(BUILD)
	$(Q)[ "$$(readlink $@)" = "$(STOCK_CACHE)" ] || ln -sfn "$(STOCK_CACHE)" $@

# Built in a directory beside the final place and moved there in one step: an interrupted build leaves
# nothing that looks finished, and its progress stays in Go's own cache. Where two builds race, the
# first move wins and the second set is thrown away.
$(STOCK_CACHE):
	$(call msg,GO,$@)
	$(Q)type $(STOCK_GO) >/dev/null 2>&1 || { \
	  echo "error: Go is not installed: the stock Kubernetes programs need Go $(STOCK_NEEDS) or newer in PATH (or STOCK_GO=/path/to/go)" >&2; exit 1; }
	$(Q)have=$$(cd $(STOCK_DIR) && $(STOCK_GO) env GOVERSION 2>/dev/null); have=$${have#go}; \
	[ "$$(printf '%s\n' '$(STOCK_NEEDS)' "$${have%% *}" | sort -V | head -n 1)" = '$(STOCK_NEEDS)' ] || { \
	  echo "error: Go is too old: the stock Kubernetes programs need Go $(STOCK_NEEDS) or newer, found $${have:-$$($(STOCK_GO) version)}" >&2; exit 1; }
	$(Q)set -e; mkdir -p "$(STOCK_HOME)"; \
	find "$(STOCK_HOME)" -maxdepth 1 -name 'building-*' -mmin +120 -exec rm -rf {} +; \
	work=$$(mktemp -d "$(STOCK_HOME)/building-XXXXXX"); trap 'rm -rf "$$work"' EXIT; trap 'exit 130' INT TERM HUP; \
	cd $(STOCK_DIR); export CGO_ENABLED=0; \
	nice -n 10 $(STOCK_GO) build $(STOCK_FLAGS) -o "$$work/etcd" go.etcd.io/etcd/server/v3; \
	nice -n 10 $(STOCK_GO) build $(STOCK_FLAGS) -o "$$work/" \
	  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-proxy; \
	chmod 755 "$$work"; \
	mv -T "$$work" "$@" 2>/dev/null || [ -x "$@/kube-proxy" ]


FORCE:
.PHONY: stock FORCE
