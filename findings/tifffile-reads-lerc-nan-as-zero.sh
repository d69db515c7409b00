#!/usr/bin/env bash
# A pixel that is NaN comes back as 0 from a LERC-compressed TIFF that tifffile wrote and tifffile reads; GDAL reads NaN.
#
# Guess:     LERC without an error bound is lossless, and NaN, which marks pixels without a measurement, survives, as it does with every
#            other lossless compression that tifffile offers for floats.
# Version:   tifffile 2026.3.3, imagecodecs 2026.3.6, rasterio 1.4.4 as the second reader, CPython 3.11, x86-64 Linux.
# Behaviour: LERC keeps what is NaN as a mask beside the numbers. The file holds it, and GDAL puts the NaN back; tifffile leaves the
#            mask out, so that each such pixel is a measured 0. Nothing is raised or warned of.
# Seen:      written:            2 NaN
#            tifffile, deflate:  2 NaN
#            tifffile, lerc:     0 NaN, [0.0, 0.0] in their place
#            GDAL, lerc:         2 NaN
#
# It installs tifffile, imagecodecs and rasterio (200 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0
# while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6 rasterio==1.4.4
cat >"$folder/show.py" <<'PYTHON'
import sys
import warnings

import numpy
import rasterio
import tifffile

warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
picture = numpy.random.default_rng(1).normal(size=(64, 64)).astype("f4")
picture[3:5, 3] = numpy.nan


def missing(pixels):
    return int(numpy.isnan(pixels).sum())


tifffile.imwrite("deflate.tif", picture, compression="deflate")
tifffile.imwrite("lerc.tif", picture, compression="lerc")
deflated = tifffile.imread("deflate.tif")
lerc = tifffile.imread("lerc.tif")
with rasterio.open("lerc.tif") as file:
    gdal = file.read(1)
print("written:           ", missing(picture), "NaN")
print("tifffile, deflate: ", missing(deflated), "NaN")
print("tifffile, lerc:    ", missing(lerc), "NaN,", lerc[3:5, 3].tolist(), "in their place")
print("GDAL, lerc:        ", missing(gdal), "NaN")
sys.exit(not (missing(deflated) == missing(gdal) == 2 and missing(lerc) == 0))
PYTHON
cd "$folder" && python3 show.py
