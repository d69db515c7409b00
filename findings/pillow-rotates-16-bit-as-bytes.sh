#!/usr/bin/env bash
# Pillow turns a 16-bit picture into something else when it rotates or shifts it with interpolation, without a word.
#
# Guess:     a picture of mode I;16 is rotated by BILINEAR or BICUBIC as one of mode F or L is (resize() does take it), or the
#            call is refused.
# Version:   Pillow 13.0.0, CPython 3.11, x86-64 Linux.
# Behaviour: rotate() and transform() interpolate single bytes there, as if each were a pixel, and give numbers that have
#            nothing to do with the picture. NEAREST and whole turns are right, and so is resize(); mode F is right everywhere,
#            so convert first.
# Seen:      NEAREST  I;16 300 600 900 1200 1500 1800 2100
#            NEAREST  F    300 600 900 1200 1500 1800 2100
#            BILINEAR I;16 0 22 22 44 45 67 67
#            BILINEAR F    150 450 750 1050 1350 1650 1950
#            BICUBIC  I;16 0 27 17 49 39 72 83
#            BICUBIC  F    112 450 750 1050 1350 1650 1987
#            rotated by 5 degrees, mean of the middle: I;16 34, F 1050
#
# It installs Pillow 13.0.0 and numpy (30 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pillow==13.0.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
from PIL import Image

ramp = numpy.tile(numpy.arange(8, dtype="uint16") * 300, (8, 1))
kinds = {"I;16": Image.fromarray(ramp), "F": Image.fromarray(ramp.astype("float32"))}
off = {}
for name in ("NEAREST", "BILINEAR", "BICUBIC"):
    rows = {}
    for kind, picture in kinds.items():
        half_a_pixel = picture.transform((8, 8), Image.Transform.AFFINE, (1, 0, 0.5, 0, 1, 0), Image.Resampling[name])
        rows[kind] = numpy.array(half_a_pixel)[4, :7].astype(int)
        print(f"{name:8} {kind:4}", *rows[kind])
    off[name] = abs(rows["I;16"] - rows["F"]).max()
by_5 = {kind: numpy.array(picture.rotate(5, Image.Resampling.BILINEAR))[2:6, 2:6].mean() for kind, picture in kinds.items()}
print(f"rotated by 5 degrees, mean of the middle: I;16 {by_5['I;16']:.0f}, F {by_5['F']:.0f}")
sizes = [numpy.array(picture.resize((13, 13), Image.Resampling.BILINEAR)).astype(float) for picture in kinds.values()]
right = off["NEAREST"] == 0 and abs(sizes[0] - sizes[1]).max() <= 1
sys.exit(0 if right and off["BILINEAR"] > 1000 and off["BICUBIC"] > 1000 and by_5["I;16"] < by_5["F"] / 2 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
