#!/usr/bin/env bash
# HDF5's scale-offset filter writes floats with a NaN among them, and reads the NaN as a number, or cannot read the chunk at all.
#
# Guess:     a filter that keeps two decimals keeps NaN, or refuses to write it.
# Version:   h5py 3.16.0 (its HDF5), CPython 3.11, x86-64 Linux.
# Behaviour: a NaN inside a chunk comes back as the chunk's least number. Where NaN is the chunk's first pixel, as in a picture with an
#            unmeasured corner, writing succeeds and reading fails: all of the chunk's pixels are lost. Nothing was said while writing.
# Seen:      NaN at (3, 3):  read as 100.0
#            NaN at (0, 0):  OSError: Can't synchronously read data (filter returned failure during read)
#
# It installs h5py (30 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves so, with 1 where
# it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" h5py==3.16.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys

import h5py
import numpy


def back(where):
    """What the pixel reads as, or why none of the picture's 4096 pixels can be read."""
    picture = numpy.linspace(100, 200, 64 * 64, dtype="f4").reshape(64, 64)
    picture[where] = numpy.nan
    with h5py.File("picture.h5", "w") as file:
        file.create_dataset("picture", data=picture, scaleoffset=2, chunks=(64, 64))
    with h5py.File("picture.h5") as file:
        try:
            return "read as %s" % file["picture"][:][where]
        except OSError as error:
            return "OSError: %s" % error


inside, first = back((3, 3)), back((0, 0))
print("NaN at (3, 3): ", inside)
print("NaN at (0, 0): ", first)
sys.exit(not (inside == "read as 100.0" and first.startswith("OSError")))
PYTHON
cd "$folder" && python3 show.py
