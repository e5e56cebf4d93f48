# The door to the project: `make help`.
.DEFAULT_GOAL := help
.SUFFIXES:

CONFIGURATION ?= debug
SWIFT_BUILD := swift build -c $(CONFIGURATION) --explicit-target-dependency-import-check error
BIN := .build/$(CONFIGURATION)

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: quickstart quickstart-cluster
quickstart: deps ## From a fresh clone to the example's page, with Podman on this machine
	$(SWIFT_BUILD) --product seactl
	ENGINE=local BIN='$(BIN)' scripts/quickstart
quickstart-cluster: deps build ## The same on a cluster of its own; CONTEXT=name uses yours (needs IMAGE= and BUILDER_IMAGE=)
	ENGINE=cluster CONTEXT='$(CONTEXT)' IMAGE='$(IMAGE)' BUILDER_IMAGE='$(BUILDER_IMAGE)' \
	INGRESS_DOMAIN='$(INGRESS_DOMAIN)' INGRESS_CLASS='$(INGRESS_CLASS)' BIN='$(BIN)' scripts/quickstart

.PHONY: build
build: deps ## Build seactl and seaway (CONFIGURATION=release for use every day)
	$(SWIFT_BUILD) --product seactl
	$(SWIFT_BUILD) --product seaway

.PHONY: test
test: deps ## All tests, on a cluster that is brought up for them; SKIP_CLUSTER=1 leaves those on a cluster out
	SKIP_CLUSTER='$(SKIP_CLUSTER)' FILTER='$(FILTER)' scripts/test

.PHONY: bench
bench: deps ## Measure the budgets of the design beside their rivals, on a quiet machine; ONLY='scan page' selects some
	Benchmarks/run $(ONLY)

.PHONY: check
check: deps ## Format and import checks
	swift format lint --strict --recursive Sources Tests Benchmarks config Package.swift
	$(SWIFT_BUILD) --build-tests

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --recursive Sources Tests Benchmarks config Package.swift

.PHONY: cluster-up cluster-down
cluster-up: ## Bring the development cluster up
	scripts/cluster up
cluster-down: ## Take it down without a trace
	scripts/cluster down

.PHONY: deps
deps: ## Install what the build needs (zstd's headers), and Podman
	@scripts/deps

.PHONY: clean
clean: ## Remove what was built
	rm -rf .build
