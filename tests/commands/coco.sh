#!/usr/bin/env bash
# COCO's own reader, pycocotools, on the data sets that the library writes: tests/python/test_coco.py, which speaks TAP.
. tests/lib/tap.sh
reads_coco() { "$@" -c 'import numpy, pycocotools' 2>/dev/null; }
if reads_coco tools/setup/torch-python; then
    python=tools/setup/torch-python
elif ! find_python || ! reads_coco "$python"; then
    skip_all 'no Python here has pycocotools: make deps-python'
fi
PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_coco.py
