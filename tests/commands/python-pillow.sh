#!/usr/bin/env bash
# The Python module and Pillow's images: those parts of tests/python/test_batchtune.py, which speaks TAP itself.
. tests/lib/tap.sh
find_python_with PIL.Image || skip_all 'no Python here has Pillow: make deps-python'
PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_batchtune.py Pillow Images
