# SPDX-License-Identifier: MIT
#
# A thin face of CMake. `make help` says what there is.

PREFIX ?= /usr/local
MAKEFLAGS += --no-print-directory
layers = $(wildcard core/*.[ch] bindings/*.[ch] repl/*.[ch])
sources = $(layers) $(wildcard tests/*/*.[ch])
jobs = $(shell nproc)

.PHONY: all
all:                    ## build the release: build/release/neap
	@.ci/deps build
	@cmake --preset release > /dev/null
	@cmake --build build/release --parallel $(jobs)

.PHONY: demo
demo: all               ## an echo server and its clients, in one script
	@build/release/neap scripts/demos/demo.lua

.PHONY: test
test:                   ## every test, on every backend, under every check
	@.ci/deps build test
	@tests/run

.PHONY: model
model: all              ## 10,000 random histories against models: a minute
	@tests/model/sweep

.PHONY: mutants
mutants:                ## break the product, place by place: do the tests notice?
	@.ci/deps build test
	@lua5.4 tests/mutants.lua

.PHONY: faults
faults:                 ## every fault of every system call, and worse peers
	@.ci/deps build test
	@tests/fault/run

.PHONY: threads
threads:                ## all that has threads, under ThreadSanitizer, 200 seeds
	@.ci/deps build test
	@tests/run tsan
	@tests/race/sweep build/tsan

.PHONY: oom
oom:                    ## no memory, at any time, in programs of all kinds
	@.ci/deps build test
	@cmake --preset dev > /dev/null
	@cmake --build build/dev --parallel $(jobs) --target neap_oom > /dev/null
	@build/dev/neap-oom full

.PHONY: bench
bench: all              ## each figure beside its limit
	@.ci/deps test
	@tests/bench/run

.PHONY: coverage
coverage:               ## branches of core/ that its tests take: 95 % or fail
	@.ci/deps build test coverage
	@cmake --preset coverage > /dev/null
	@cmake --build build/coverage --parallel $(jobs)
	@find build/coverage -name '*.gcda' -delete
	@ctest --test-dir build/coverage --label-regex core
	@gcovr --filter core/ --branches --fail-under-branch 95 build/coverage

.PHONY: install
install: all            ## to DESTDIR and PREFIX (/usr/local)
	@DESTDIR=$(DESTDIR) cmake --install build/release --prefix $(PREFIX)

.PHONY: format
format:                 ## lay the C code out
	@.ci/deps format
	@clang-format -i $(sources)

.PHONY: lint
lint:                   ## layout and clang-tidy
	@.ci/deps build test lint
	@clang-format --dry-run --Werror $(sources)
	@cmake --preset dev > /dev/null
	@clang-tidy --quiet -p build/dev $(filter %.c,$(layers))

.PHONY: deps
deps:                   ## install the Debian packages that are missing
	@.ci/deps build test

.PHONY: clean
clean:                  ## remove build/
	@rm -rf build

.PHONY: help
help:                   ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 20
