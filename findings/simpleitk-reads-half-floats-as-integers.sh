#!/usr/bin/env bash
# SimpleITK reads a TIFF of 16-bit floats as 16-bit integers: their bits, without a word.
#
# Guess:     values as stored, or an exception, as for 64-bit floats.
# Version:   SimpleITK 2.5.7, CPython 3.11, x86-64 Linux; file by tifffile 2026.3.3.
# Behaviour: the SampleFormat tag says IEEE floating point and is not looked at: 0.5 becomes 14336, 1.0 becomes 15360.
#            Probabilities written as float16 look like a bright picture with plausible contrast. OpenCV 5.0 and Pillow 13.0
#            refuse such a file.
# Seen:      float32: float32 [0.25, 0.5, 1.0]
#            float16: uint16 [13312, 14336, 15360]
#            float64: refused []
#
# It installs SimpleITK, tifffile and numpy (90 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0
# while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" simpleitk==2.5.7 tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import numpy
import SimpleITK
import tifffile

path = os.path.join(os.path.dirname(__file__), "probabilities.tif")
seen = {}
for kind in ("float32", "float16", "float64"):
    tifffile.imwrite(path, numpy.array([[0.25, 0.5, 1.0]] * 2, kind))
    try:
        read = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))
        seen[kind] = read.dtype.name, read[0].tolist()
    except RuntimeError:
        seen[kind] = "refused", []
    print(f"{kind}: {seen[kind][0]} {seen[kind][1]}")
right = seen["float32"] == ("float32", [0.25, 0.5, 1.0]) and seen["float64"][0] == "refused"
sys.exit(0 if right and seen["float16"] == ("uint16", [13312, 14336, 15360]) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
