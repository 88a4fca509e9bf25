# Everything a contributor or a CI machine runs. `make help` lists it.

TOOLS := .tools
PYTHON ?= python3
CARGO ?= cargo

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: help tools icarus icestorm optional test lint demo bench bench-check units docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

tools: ## install the external tools into .tools (no root; once per change of tools/requirements.txt)
	@PYTHON='$(PYTHON)' tools/install.sh $(TOOLS)

icarus: ## Icarus Verilog as well, from the Debian package (optional, no root)
	@tools/icarus.sh $(TOOLS)

icestorm: ## icebox_vlog as well, from the Debian package (optional, no root), for the target `bitstream`
	@tools/icestorm.sh $(TOOLS)

# Not --release: arithmetic that overflows must be seen to.
test: tools optional lint ## everything CI checks
	@mkdir -p target
	$(CARGO) test --workspace --locked 2>&1 | tee target/test.log
	@echo "skipped for want of a tool: $$(grep -c 'SKIP ' target/test.log || true)"

# Where Debian's packages can be had. Elsewhere the tests that need them are skipped, and counted.
optional: tools
	@cd $(TOOLS)/bin && [ -x vvp ] || $(CURDIR)/tools/icarus.sh .. || { rm -f iverilog vvp; echo "without Icarus Verilog" >&2; }
	@cd $(TOOLS)/bin && [ -x icebox_vlog ] || $(CURDIR)/tools/icestorm.sh .. || { rm -f icebox_vlog; echo "without icebox_vlog" >&2; }

lint: tools ## formatting, Clippy, and five linters on the Verilog of every example
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --locked -p logloom --test lint

demo: ## train handwritten digits in the simulation of a generated accelerator (needs only Rust)
	$(CARGO) build --locked --release -p logloom
	target/release/logloom check examples/digits.toml
	target/release/logloom train examples/digits.toml --target sim --epochs 10 --output target/demo

bench: tools ## build the presets for boards, measure docs/results.md again, and the speed of simulation and model
	$(CARGO) bench --locked -p logloom --bench builds
	$(CARGO) bench --locked -p logloom --bench results
	$(CARGO) bench --locked -p logloom-sim

bench-check: tools ## build the presets for boards again; fails if one is larger or slower than docs/builds (BOARDS="digits-hx8k" for some)
	$(CARGO) bench --locked -p logloom --bench builds -- --check $(BOARDS)

units: tools ## measure docs/units.md again: errors, training, cost (FABRICS="ice40" for some of the fabrics)
	$(CARGO) bench --locked -p logloom --bench units -- $(FABRICS)

docs: ## the Rust documentation, in target/doc
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

clean: ## everything that can be made again, the tools excepted
	$(CARGO) clean
