#!/usr/bin/env bash
# OpenCV reads a 16-bit TIFF whose colours lie in planes as if they were interleaved, without a word.
#
# Guess:     cv2.imread(path, cv2.IMREAD_UNCHANGED) gives the picture, as it does for 8 bits, or refuses it (None).
# Version:   opencv-python-headless 5.0.0.93, CPython 3.11, x86-64 Linux; files by tifffile 2026.3.3, which writes planes
#            wherever an array is (3, Y, X).
# Behaviour: three neighbouring values of the red plane become the colours of one pixel, for 16 bits and for float. 8 bits are
#            right, and 16 bits interleaved.
# Seen:      uint8, planes       pixel (0, 3) is [3, 64, 129], should be [3, 64, 129]; 0% of the pixels are wrong
#            uint16, interleaved pixel (0, 3) is [3, 64, 129], should be [3, 64, 129]; 0% of the pixels are wrong
#            uint16, planes      pixel (0, 3) is [9, 10, 11], should be [3, 64, 129]; 100% of the pixels are wrong
#            float32, planes     pixel (0, 3) is [9, 10, 11], should be [3, 64, 129]; 100% of the pixels are wrong
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

folder = os.path.dirname(__file__)
y, x = numpy.mgrid[0:64, 0:64]
planes = numpy.stack([x, y + 64, (x + y) // 2 + 128])
wrong = {}
for name, interleaved in (("uint8", False), ("uint16", True), ("uint16", False), ("float32", False)):
    values = planes.astype(name)
    path = os.path.join(folder, "picture.tif")
    tifffile.imwrite(path, values.transpose(1, 2, 0) if interleaved else values, photometric="rgb")
    seen = cv2.imread(path, cv2.IMREAD_UNCHANGED)[..., ::-1]  # OpenCV gives blue first
    case = f"{name}, {'interleaved' if interleaved else 'planes'}"
    wrong[case] = (seen != values.transpose(1, 2, 0)).any(2).mean()
    print(f"{case:19} pixel (0, 3) is {seen[0, 3].astype(int).tolist()}, should be {planes[:, 0, 3].tolist()};",
          f"{wrong[case]:.0%} of the pixels are wrong")
sys.exit(0 if list(wrong.values())[:2] == [0, 0] and min(list(wrong.values())[2:]) > 0.9 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
