#!/usr/bin/env bash
# Label pictures of 32 bits come back scrambled from JPEG 2000 in TIFF, which is asked for and said to be lossless.
#
# Guess:     lossless is lossless for every type that the writer accepts: labels up to 70,000, more than 16 bits hold, come back as
#            they were, or uint32 is refused.
# Version:   tifffile 2026.3.3, imagecodecs 2026.3.6 (its OpenJPEG), CPython 3.11, x86-64 Linux.
# Behaviour: of a picture with two cells, number 1 and number 70,000, most pixels come back as other numbers, up to 67,108,863, though
#            noise of as many bits survives. The same picture with numbers that fit in 16 bits, stored as uint16, is whole. Nothing
#            is raised or warned of.
# Seen:      uint16, cells 1 and 7000:   0 of 4096 pixels changed
#            uint32, cells 1 and 70000:  3453 of 4096 pixels changed, 67108863 the largest
#
# It installs tifffile and imagecodecs (100 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys

import numpy
import tifffile


def back(labels):
    tifffile.imwrite("labels.tif", labels, compression="jpeg2000")
    return tifffile.imread("labels.tif")


def picture(kind, number):
    labels = numpy.zeros((64, 64), kind)
    labels[8:16, 8:16] = 1
    labels[20:40, 20:40] = number
    return labels


narrow, wide = picture("u2", 7000), picture("u4", 70000)
narrow_changed = int((back(narrow) != narrow).sum())
got = back(wide)
wide_changed = int((got != wide).sum())
print("uint16, cells 1 and 7000:  ", narrow_changed, "of 4096 pixels changed")
print("uint32, cells 1 and 70000: ", wide_changed, "of 4096 pixels changed,", got.max(), "the largest")
sys.exit(not (narrow_changed == 0 and wide_changed > 1000))
PYTHON
cd "$folder" && python3 show.py
