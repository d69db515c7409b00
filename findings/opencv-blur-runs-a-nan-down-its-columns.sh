#!/usr/bin/env bash
# One NaN spoils every pixel below it in OpenCV's box filter, however small the window.
#
# Guess:     a 3 × 3 mean has a NaN where its window holds one: 9 pixels, as filter2D and GaussianBlur have it.
# Version:   opencv-python-headless 5.0.0.93, CPython 3.11, x86-64 Linux.
# Behaviour: cv2.blur and cv2.boxFilter keep running sums of columns; a NaN that came in never leaves, and all that lies below,
#            in three columns, is NaN to the edge of the picture. One dead pixel of a flat-field division blanks a strip.
# Seen:      filter2D       9 pixels are NaN, in rows 9 to 11
#            GaussianBlur   9 pixels are NaN, in rows 9 to 11
#            blur         165 pixels are NaN, in rows 9 to 63
#            boxFilter    165 pixels are NaN, in rows 9 to 63
#
# It installs OpenCV 5.0 and numpy (90 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" opencv-python-headless==5.0.0.93 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import cv2
import numpy

picture = numpy.ones((64, 64), "float32")
picture[10, 20] = numpy.nan
kernel = numpy.full((3, 3), 1 / 9, "float32")
counts = {}
for name, filtered in (("filter2D", cv2.filter2D(picture, -1, kernel)), ("GaussianBlur", cv2.GaussianBlur(picture, (3, 3), 1)),
                       ("blur", cv2.blur(picture, (3, 3))), ("boxFilter", cv2.boxFilter(picture, -1, (3, 3)))):
    spoilt = numpy.isnan(filtered)
    counts[name] = int(spoilt.sum())
    rows = numpy.flatnonzero(spoilt.any(1))
    print(f"{name:12} {counts[name]:3} pixels are NaN, in rows {rows[0]} to {rows[-1]}")
to_the_edge = 3 * (64 - 9)
sys.exit(0 if list(counts.values()) == [9, 9, to_the_edge, to_the_edge] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
