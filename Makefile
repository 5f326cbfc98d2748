# Short names for the commands of README.md and CONTRIBUTING.md. `make` lists them.
python := .venv/bin/python

.PHONY: help install run test lint types protos released schema openapi lock audit newest ci

help:  ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 14

install:  ## install all tools in .venv, and the pre-commit hooks
	python3 -m venv .venv
	.venv/bin/pip install -q -r .ci/requirements.txt
	.venv/bin/pre-commit install

run:  ## start the shop with demo data
	$(python) manage.py quickstart

test:  ## run the tests on SQLite, or on DATABASE_URL and REDIS_URL if they are set
	$(python) -m pytest -q -n 4

lint:  ## run the pre-commit hooks on all files: lint, format and hygiene
	.venv/bin/pre-commit run --all-files

types:  ## check the types
	.venv/bin/mypy

protos:  ## generate the modules of the .proto files
	$(python) manage.py makeprotos

released:  ## record the .proto files as released: later changes may not break their clients
	npx --yes @bufbuild/buf@1.75.0 build --exclude-source-info -o protos/released.binpb

schema:  ## write schema.graphql
	$(python) manage.py graphql_schema

openapi:  ## check the OpenAPI documents
	$(python) manage.py spectacular --api-version v1 --validate --fail-on-warn --file /dev/null
	$(python) manage.py spectacular --api-version v2 --validate --fail-on-warn --file /dev/null

lock:  ## write uv.lock and the requirements files from pyproject.toml
	.ci/lock

audit:  ## report known vulnerabilities of the locked dependencies
	$(python) .ci/audit.py .ci/requirements.txt

newest:  ## run the tests on the newest versions of all dependencies
	.ci/newest

ci:  ## run all checks, as CI does
	.ci/run
