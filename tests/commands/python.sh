#!/usr/bin/env bash
# The Python module: tests/python/test_batchtune.py, which speaks TAP itself.
. tests/lib/tap.sh
find_python || skip_all 'no Python here has numpy'
PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_batchtune.py
