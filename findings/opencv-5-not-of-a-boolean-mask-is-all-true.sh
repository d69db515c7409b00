#!/usr/bin/env bash
# OpenCV 5's bitwise_not of a boolean mask is true everywhere.
#
# Guess:     OpenCV 5 has booleans as a type of their own, takes numpy's and gives them back, so that the inverse of a mask is its
#            inverse; OpenCV 4 refused them.
# Version:   opencv-python-headless 5.0.0.93, numpy 2.4.6, CPython 3.11, x86-64 Linux.
# Behaviour: the bytes are inverted, 1 to 254 and 0 to 255, in an array that says it is boolean: everything counts as true, for numpy
#            and for OpenCV. bitwise_and, _or and _xor of the same masks are right. What was to be measured outside of the cells is
#            measured over the whole picture.
# Seen:      the mask:    4 of 16 true
#            its inverse: 16 of 16 true, type bool
#
# It installs OpenCV (150 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves so, with 1
# where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" opencv-python-headless==5.0.0.93 numpy==2.4.6
python3 - <<'PYTHON'
import sys

import cv2
import numpy

mask = numpy.zeros((4, 4), bool)
mask[0] = True
inverse = cv2.bitwise_not(mask)
print("the mask:   ", numpy.count_nonzero(mask), "of 16 true")
print("its inverse:", numpy.count_nonzero(inverse), "of 16 true, type", inverse.dtype)
sys.exit(not (inverse.dtype == bool and numpy.count_nonzero(inverse) == 16))
PYTHON
