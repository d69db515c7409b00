#!/usr/bin/env bash
# read_roi reads the whole pixels of an ImageJ outline whose corners roifile wrote as fractions.
#
# Guess:     two readers of ImageJ's ROI format give the same corners, floating-point ones included.
# Version:   read-roi 1.6.0 and roifile 2026.2.10, CPython 3.11, x86-64 Linux.
# Behaviour: read_roi takes floating-point corners only where the sub-pixel bit is the only option set. roifile sets those for
#            overlay labels and backgrounds beside it (options = 168), so the integers that stand before the floats are read:
#            corners are off by up to half a pixel.
# Seen:      as written (options 168): corner 2 by roifile [14.5, 23.75], by read_roi [14, 24]
#            sub-pixel bit alone (options 128): corner 2 by roifile [14.5, 23.75], by read_roi [14.5, 23.75]
#
# It installs both and numpy (20 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" roifile==2026.2.10 read-roi==1.6.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import numpy
import roifile
from read_roi import read_roi_file

path = os.path.join(os.path.dirname(__file__), "cell.roi")
outline = numpy.array([[10.5, 20.25], [14.5, 20.25], [14.5, 23.75], [10.5, 23.75]])
roi = roifile.ImagejRoi.frompoints(outline)
seen = {}
for name, options in (("as written", roi.options), ("sub-pixel bit alone", roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION)):
    roi.options = options
    roi.tofile(path)
    back = roifile.ImagejRoi.fromfile(path).coordinates()
    read = next(iter(read_roi_file(path).values()))
    seen[name] = numpy.array_equal(back, outline), numpy.column_stack([read["x"], read["y"]])
    print(f"{name} (options {int(options)}): corner 2 by roifile {back[2].tolist()}, by read_roi {seen[name][1][2].tolist()}")
rounded, exact = seen.values()
off = abs(rounded[1] - outline).max()
sys.exit(0 if rounded[0] and exact[0] and numpy.array_equal(exact[1], outline) and 0.25 <= off <= 1 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
