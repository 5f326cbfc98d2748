"""The npm packages of tests/package.json: third-party clients that the tests call the shop with.

mkdir /tmp/npm && cp tests/package.json /tmp/npm && npm install --prefix /tmp/npm
NPM_PACKAGES=/tmp/npm python -m pytest -k "audit or npm or connect_web"
"""

import os

import pytest


@pytest.fixture(scope="session")
def npm_packages() -> str:
    """The folder of the installed packages; it contains `node_modules`."""
    folder = os.environ.get("NPM_PACKAGES")
    if not folder:
        pytest.skip("needs node and the packages of tests/package.json: NPM_PACKAGES names no folder that has them")
    return folder
