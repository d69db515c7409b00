#!/usr/bin/env bash
# Pillow reads an uncompressed 16-bit RGB TIFF whose colours lie in planes byte by byte: noise, without a word.
#
# Guess:     the eight high bits of every value, as Pillow gives for the same picture with interleaved colours; or an error.
# Version:   Pillow 13.0.0, CPython 3.11, x86-64 Linux; files by tifffile 2026.3.3, which writes planes wherever an array is (3,
#            Y, X).
# Behaviour: each byte of a plane is taken for a pixel, low and high by turns, so that a row becomes two and the lower half of
#            the picture is left over. The same planes under Deflate are read right.
# Seen:      interleaved     pixel (0, 3) is [11, 0, 5], should be [11, 0, 5]; 0% of the pixels are wrong
#            planes, Deflate pixel (0, 3) is [11, 0, 5], should be [11, 0, 5]; 0% of the pixels are wrong
#            planes          pixel (0, 3) is [3, 0, 1], should be [11, 0, 5]; 100% of the pixels are wrong
#
# It installs Pillow 13.0.0, tifffile and numpy (30 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0
# while it behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import numpy
import tifffile
from PIL import Image

folder = os.path.dirname(__file__)
y, x = numpy.mgrid[0:64, 0:64]
planes = numpy.stack([x * 1000, y * 1000, (x + y) * 500]).astype("uint16")
wanted = (planes >> 8).transpose(1, 2, 0)
cases = {"interleaved": (planes.transpose(1, 2, 0), {}), "planes, Deflate": (planes, {"compression": "zlib"}),
         "planes": (planes, {})}
wrong = {}
for name, (values, more) in cases.items():
    path = os.path.join(folder, name + ".tif")
    tifffile.imwrite(path, values, photometric="rgb", **more)
    assert numpy.array_equal(tifffile.imread(path), values)
    seen = numpy.array(Image.open(path))
    wrong[name] = (seen != wanted).any(2).mean()
    print(f"{name:15} pixel (0, 3) is {seen[0, 3].tolist()}, should be {wanted[0, 3].tolist()};",
          f"{wrong[name]:.0%} of the pixels are wrong")
bytes_as_pixels = planes.astype("<u2").view("uint8").reshape(3, 128, 64)[:, :64].transpose(1, 2, 0)
sys.exit(0 if list(wrong.values())[:2] == [0, 0] and numpy.array_equal(seen, bytes_as_pixels) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
