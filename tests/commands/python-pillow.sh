#!/usr/bin/env bash
# The Python module and Pillow's images: those parts of tests/python/test_batchtune.py, which speaks TAP itself.
. tests/lib/tap.sh
has_pillow() { "$@" -c 'import numpy, PIL.Image' 2>/dev/null; }
if has_pillow tools/setup/torch-python; then
    python=tools/setup/torch-python
elif ! find_python || ! has_pillow "$python"; then
    skip_all 'no Python here has Pillow: make deps-python'
fi
PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_batchtune.py Pillow Images
