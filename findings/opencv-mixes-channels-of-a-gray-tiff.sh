#!/usr/bin/env bash
# OpenCV turns a TIFF of three or four 16-bit gray channels into one weighted sum of them, though asked for it unchanged.
#
# Guess:     IMREAD_UNCHANGED gives every channel, or the first, or nothing.
# Version:   opencv-python-headless 5.0.0.93, CPython 3.11, x86-64 Linux; files by tifffile 2026.3.3, photometric MinIsBlack,
#            interleaved samples.
# Behaviour: a stain in each channel comes out as 0.299 · first + 0.587 · second + 0.114 · third, the luminance of an RGB that
#            the file is not; the fourth is lost. Of 8 bits the first channel alone comes, of float all: three depths, three
#            answers.
# Seen:      uint8   3 channels [200, 10, 100]: one pixel has [200]
#            uint8   4 channels [200, 10, 100, 60]: one pixel has [200]
#            uint16  3 channels [200, 10, 100]: one pixel has [77]
#            uint16  4 channels [200, 10, 100, 60]: one pixel has [77]
#            float32 3 channels [200, 10, 100]: one pixel has [10, 100, 200]
#            float32 4 channels [200, 10, 100, 60]: one pixel has [10, 60, 100, 200]
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

path = os.path.join(os.path.dirname(__file__), "stains.tif")
stored, seen = numpy.array([200, 10, 100, 60]), {}
for kind in ("uint8", "uint16", "float32"):
    for channels in (3, 4):
        values = numpy.zeros((8, 8, channels), kind) + stored[:channels].astype(kind)
        tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig")
        seen[kind, channels] = numpy.sort(numpy.atleast_1d(cv2.imread(path, cv2.IMREAD_UNCHANGED)[0, 0]).astype(int)).tolist()
        print(f"{kind:7} {channels} channels {stored[:channels].tolist()}: one pixel has {seen[kind, channels]}")
mixed = [round(0.299 * 200 + 0.587 * 10 + 0.114 * 100)]
good = all(seen["uint16", channels] == mixed and seen["uint8", channels] == [200] and
           seen["float32", channels] == sorted(stored[:channels].tolist()) for channels in (3, 4))
sys.exit(0 if good else 1)
PYTHON
python3 -W ignore "$folder/show.py"
