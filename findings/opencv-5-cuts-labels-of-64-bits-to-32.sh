#!/usr/bin/env bash
# OpenCV 5, which has 64-bit integers, cuts numpy's to 32 bits in every function, without a word.
#
# Guess:     OpenCV 5 brought CV_64S and CV_64U, so that an int64 array is taken as it is, or refused where a function has no code for it.
# Version:   opencv-python-headless 5.0.0.93, numpy 2.4.6, CPython 3.11, x86-64 Linux.
# Behaviour: int64 and uint64 arrays are cast to int32 on their way in. Label 4,294,967,303 becomes 7, one that another cell has, and
#            2,147,483,648 becomes negative. The constant is there, and uint32 is taken whole. Labels are int64 wherever numpy's or
#            a tracker's own numbers are used, whose upper half is often a frame's.
# Seen:      cv2.CV_64S is there: True
#            int64:   [4294967303, 2147483648, 5] flipped upside down is [7, -2147483648, 5], int32
#            uint32:  [2147483653, 5] flipped upside down is [2147483653, 5], uint32
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


def flipped(kind, labels):
    result = cv2.flip(numpy.array([labels], kind), 0)
    print("%-8s %s flipped upside down is %s, %s" % (kind + ":", labels, result[0].tolist(), result.dtype))
    return result[0].tolist()


print("cv2.CV_64S is there:", hasattr(cv2, "CV_64S"))
wide = flipped("int64", [4294967303, 2147483648, 5])
narrow = flipped("uint32", [2147483653, 5])
sys.exit(not (hasattr(cv2, "CV_64S") and wide == [7, -2147483648, 5] and narrow == [2147483653, 5]))
PYTHON
