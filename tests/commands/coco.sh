#!/usr/bin/env bash
# COCO's own reader, pycocotools, on the data sets that the library writes: tests/python/test_coco.py, which speaks TAP.
. tests/lib/tap.sh
find_python_with pycocotools || skip_all 'no Python here has pycocotools: make deps-python'
PYTHONDONTWRITEBYTECODE=1 "$python" tests/python/test_coco.py
