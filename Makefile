# SPDX-FileCopyrightText: The test-dashboard authors
# SPDX-License-Identifier: MPL-2.0

# What a person does with this checkout. `make demo` and `make test` set up what they need.

HOST := target/debug/test-dashboard
SOURCE_PLUGINS := bitrise github taskcluster testrail

# What a change is compared with.
BASE := main

# How long the fuzzer makes inputs, and of which seed: without one, of a new one each time.
SECONDS := 60
SEED :=

.PHONY: help demo test fuzz check-plugins lint lint-workflows licences deny mutants plugins \
    plugins-with guests host release dist image bench setup clean

help:
	@echo 'make demo     pump recorded fixtures into a SQLite file and show what was written'
	@echo 'make test     all tests, against SQLite, PostgreSQL, MariaDB and MySQL'
	@echo 'make fuzz     what comes from outside, mutated, for SECONDS (60)'
	@echo 'make check-plugins  try the shipped plugins with all of their recordings'
	@echo 'make lint     formatting, clippy and licence headers; warnings are errors'
	@echo 'make lint-workflows  the workflows and the scripts'
	@echo 'make licences  every file says under which licence it is'
	@echo 'make deny     licences, sources and known vulnerabilities of the dependencies'
	@echo 'make mutants  faults that no test notices, in what differs from BASE (main)'
	@echo 'make plugins  build the shipped plugins to target/plugins/'
	@echo 'make release  build target/release/test-dashboard and the plugins'
	@echo 'make dist     the archives of a release, in target/dist/'
	@echo 'make image    the OCI image, with buildah'
	@echo 'make bench    measure the pump against a mock API on loopback'

setup:
	@scripts/setup

# As the tests link it, so that nothing is compiled twice. --quiet would be ten minutes without a
# word on a new machine.
build-host := cargo build --package test-dashboard --features as-tested
host: setup
	@$(build-host)

# The host makes the components: compiling is scripts/build-wasm's work.
define build-plugins
	@mkdir -p target/plugins
	@for plugin in $(SOURCE_PLUGINS); do \
	    $(HOST) plugin build plugins/$$plugin --output target/plugins/$$plugin.wasm >/dev/null || exit 1; \
	done
endef

# Link-time optimisation keeps one processor busy for minutes, so the plugins are compiled beside the
# host; then there is nothing left to compile for each. Neither changes the toolchain meanwhile.
plugins: setup
	@scripts/build-wasm --prepare
	@scripts/build-wasm $(SOURCE_PLUGINS:%=--package test-dashboard-%) >/dev/null & compiling=$$!; \
	    $(build-host) || { kill $$compiling; exit 1; }; wait $$compiling
	$(build-plugins)

# With the program HOST, which is there.
plugins-with:
	$(build-plugins)

# The plugins that misbehave, for the tests.
guests: host
	@$(HOST) plugin build tests/guests --examples target/guests >/dev/null

demo: plugins
	@PUMP=$(HOST) RECORDINGS=plugins DATABASE=target/demo.sqlite demo/run

# Every recording of the shipped plugins: the rows that come of it, and what happens to them
# when a run breaks off, is resumed, is full, or meets a service that is broken.
check-plugins: plugins
	@for plugin in $(SOURCE_PLUGINS); do \
	    $(HOST) --config demo/test-dashboard.toml plugin test plugins/$$plugin && \
	    $(HOST) --config demo/test-dashboard.toml plugin check target/plugins/$$plugin.wasm \
	        --fixtures plugins/$$plugin/fixtures || exit 1; \
	done

# Most tests wait for a server or for another process: three for each core.
test: export RUST_TEST_THREADS ?= $(shell expr 3 \* $$(nproc))
# The same commit is to pass or fail each time it is tested; `make fuzz` is for what is new.
test: SEED := 1
test: lint-workflows plugins guests check-plugins
	@scripts/test-databases scripts/author-toolchains cargo test --workspace \
	    --exclude test-dashboard-guests --features test-dashboard/as-tested
	@$(run-fuzzer)

# All targets side by side; the crate has the features of the tests, so that nothing is compiled twice.
define run-fuzzer
cargo run --package test-dashboard-fuzz -- run --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))
endef

fuzz: plugins guests
	@$(run-fuzzer)

lint: setup licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings

lint-workflows:
	@scripts/lint-workflows

licences:
	@scripts/licences

deny: setup
	@scripts/deny

mutants: setup plugins
	@scripts/mutants $(BASE)

release: HOST := target/release/test-dashboard
release: setup
	cargo build --release --locked --package test-dashboard
	$(build-plugins)

# The archives of a release, in target/dist; on Linux for x86-64 and aarch64.
dist: setup
	@scripts/dist

# The OCI image, as localhost/test-dashboard.
image: setup
	@scripts/image

bench: plugins
	@scripts/bench

clean:
	cargo clean
