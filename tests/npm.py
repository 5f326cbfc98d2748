"""The npm packages of tests/package.json: clients of the shop that others wrote.

mkdir /tmp/npm && cp tests/package.json /tmp/npm && npm install --prefix /tmp/npm
NPM_PACKAGES=/tmp/npm python -m pytest -k "audit or npm or connect_web"
"""

import os

import pytest


@pytest.fixture(scope="session")
def npm_packages() -> str:
    """The folder where they are installed, beside a `node_modules`."""
    folder = os.environ.get("NPM_PACKAGES")
    if not folder:
        pytest.skip("needs node and the packages of tests/package.json: NPM_PACKAGES names no folder that has them")
    return folder
