#!/usr/bin/env bash
# OpenCV reads nothing of a valid TIFF whose channels have a MaxSampleValue of their own each.
#
# Guess:     a tag that no pixel needs changes no pixel: TIFF 6.0 wants a MaxSampleValue for every channel, and says that it
#            does not matter for how a picture is shown.
# Version:   opencv-python-headless 5.0.0.93, CPython 3.11, x86-64 Linux; files by tifffile 2026.3.3.
# Behaviour: the three values may be there as long as they are equal. Where one differs, cv2.imread gives None: libtiff's
#            directory reader ends at it ("Cannot handle different values per sample"). tifffile reads all three.
# Seen:      no MaxSampleValue: OpenCV (20, 30, 3), tifffile (20, 30, 3)
#            4095, 4095, 4095: OpenCV (20, 30, 3), tifffile (20, 30, 3)
#            4095, 4095, 1023: OpenCV None, tifffile (20, 30, 3)
#
# It installs OpenCV 5.0, tifffile and numpy (90 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0
# while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" opencv-python-headless==5.0.0.93 tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import cv2
import numpy
import tifffile

path = os.path.join(os.path.dirname(__file__), "colours.tif")
values = (numpy.arange(20 * 30 * 3).reshape(20, 30, 3) % 1024).astype(numpy.uint16)
seen = []
for maxima in ((), (4095, 4095, 4095), (4095, 4095, 1023)):
    tags = [(281, "H", 3, maxima, True)] if maxima else []
    tifffile.imwrite(path, values, photometric="rgb", metadata=None, extratags=tags)
    read = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    seen.append(None if read is None else read.shape)
    said = ", ".join(map(str, maxima)) or "no MaxSampleValue"
    print(f"{said}: OpenCV {seen[-1]}, tifffile {tifffile.imread(path).shape}")
sys.exit(0 if seen == [(20, 30, 3), (20, 30, 3), None] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
