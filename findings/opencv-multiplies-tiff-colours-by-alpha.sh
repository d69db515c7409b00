#!/usr/bin/env bash
# OpenCV multiplies the colours of an RGBA TIFF by alpha, of 8 bits even when asked for them unchanged.
#
# Guess:     IMREAD_UNCHANGED gives the stored values, and IMREAD_COLOR drops alpha, whatever file holds the same pixels.
# Version:   opencv-python-headless 5.0.0.93, CPython 3.11, x86-64 Linux; TIFF by tifffile 2026.3.3, its alpha marked as
#            unassociated.
# Behaviour: out of a TIFF the colours come multiplied by alpha / 255, with nothing that tells: of 8 bits both ways, of 16 bits
#            as IMREAD_COLOR. A PNG of the same array gives what is stored. The same cells are darker in one format than in the
#            other.
# Seen:      PNG of 8 bits   unchanged [200, 100, 50, 128], colour [200, 100, 50]
#            TIFF of 16 bits unchanged [200, 100, 50, 128], colour [100, 50, 25]
#            TIFF of 8 bits  unchanged [100, 50, 25, 128], colour [100, 50, 25]
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
eight = numpy.empty((8, 8, 4), "uint8")
eight[:] = 200, 100, 50, 128
seen = {}
for name, values in (("PNG of 8 bits", eight), ("TIFF of 16 bits", eight.astype("uint16") * 257), ("TIFF of 8 bits", eight)):
    path = os.path.join(folder, "picture." + name[:4].strip().lower())
    if name.startswith("PNG"):
        cv2.imwrite(path, values[..., [2, 1, 0, 3]])
    else:
        tifffile.imwrite(path, values, photometric="rgb", extrasamples=["unassalpha"])
    unchanged, colour = cv2.imread(path, cv2.IMREAD_UNCHANGED)[0, 0], cv2.imread(path, cv2.IMREAD_COLOR)[0, 0]
    seen[name] = (unchanged[[2, 1, 0, 3]] // (257 if values.itemsize == 2 else 1)).tolist(), colour[::-1].tolist()
    print(f"{name:15} unchanged {seen[name][0]}, colour {seen[name][1]}")
stored, multiplied = [200, 100, 50, 128], [100, 50, 25, 128]
wanted = [(stored, stored[:3]), (stored, multiplied[:3]), (multiplied, multiplied[:3])]
sys.exit(0 if list(seen.values()) == wanted else 1)
PYTHON
python3 -W ignore "$folder/show.py"
