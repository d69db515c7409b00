#!/usr/bin/env bash
# In an OME-Zarr that ome-zarr writes, the smaller levels of a label lie half a pixel of that level beside the image's.
#
# Guess:     levels of an image and of its labels, written by one package with the same scale and translation, lie on each
#            other; nearest takes the pixel in the middle of a block.
# Version:   ome-zarr 0.18.0, CPython 3.11, x86-64 Linux.
# Behaviour: the image's levels are means of a block, the labels' take its last pixel, in both directions, and the levels are
#            made one of the other. At level 4, 16 times smaller, a cell's outline is 7.5 pixels of the full picture up and left
#            of the cell. Centroids and intensities measured at a smaller level are wrong; a viewer shows the shift.
# Seen:      level 0: centre of the image's cell 256.0, 256.0, of the label 256.0, 256.0
#            level 1: centre of the image's cell 256.0, 256.0, of the label 255.5, 255.5
#            level 2: centre of the image's cell 256.0, 256.0, of the label 254.4, 254.4
#            level 3: centre of the image's cell 256.0, 256.0, of the label 252.4, 252.4
#            level 4: centre of the image's cell 256.0, 256.0, of the label 248.2, 248.2
#
# It installs ome-zarr and what it needs (250 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while
# it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" ome-zarr==0.18.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import numpy
import zarr
from ome_zarr.writer import write_image, write_labels

root = zarr.open_group(os.path.join(os.path.dirname(__file__), "cells.zarr"), mode="w")
y, x = numpy.mgrid[0:512, 0:512]
cell = ((y - 256) ** 2 + (x - 256) ** 2 < 150 ** 2).astype("uint16")
write_image(image=cell * 1000, group=root, axes="yx")
write_labels(labels=cell, group=root, name="cells", axes="yx")
off = []
for level in range(5):
    centres = []
    for group in (root, root["labels/cells"]):
        data = group.attrs["ome"]["multiscales"][0]["datasets"][level]
        scale, move = (step[step["type"]] for step in data["coordinateTransformations"])
        weights = group[data["path"]][:].astype(float)
        centres.append([(weights.sum(1 - axis) * numpy.arange(len(weights))).sum() / weights.sum() * scale[axis] + move[axis]
                        for axis in (0, 1)])
    off.append(centres[1][0] - centres[0][0])
    print(f"level {level}: centre of the image's cell {centres[0][0]:.1f}, {centres[0][1]:.1f},",
          f"of the label {centres[1][0]:.1f}, {centres[1][1]:.1f}")
sys.exit(0 if off[0] == 0 and all(abs(off[level] + (2 ** level - 1) / 2) < 0.3 * 2 ** level / 2 for level in (2, 3, 4)) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
