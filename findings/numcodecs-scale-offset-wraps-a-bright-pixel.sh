#!/usr/bin/env bash
# numcodecs' FixedScaleOffset stores a pixel beyond its range as another one within it: 30 becomes 4.4.
#
# Guess:     a lossy filter for arrays loses what it says it loses, decimals, and a value that its integer type cannot hold becomes
#            the nearest that it can, or an error.
# Version:   numcodecs 0.16.6, numpy 2.4.6, CPython 3.11, x86-64 Linux.
# Behaviour: scaled values are cast, and a cast wraps round: with a scale of 10 in uint8, which holds 0 to 25.5, a bright pixel of 30
#            is stored as 4.4 and a background of -1 as 24.6. Nothing is raised or warned of for these (numpy warns of NaN alone).
#            A picture whose flat-field correction runs over by a little comes back with holes in its brightest cells.
# Seen:      [0.0, 25.5, 30.0, -1.0] comes back as [0.0, 25.5, 4.4, 24.6] warnings: 0
#
# It installs numcodecs (20 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves so, with 1
# where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" numcodecs==0.16.6 numpy==2.4.6
python3 - <<'PYTHON'
import sys
import warnings

import numcodecs
import numpy

pixels = numpy.array([0, 25.5, 30, -1], "f4")
codec = numcodecs.FixedScaleOffset(offset=0, scale=10, dtype="f4", astype="u1")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    back = codec.decode(codec.encode(pixels))
back = [round(float(value), 3) for value in back]
print(pixels.tolist(), "comes back as", back, "warnings:", len(caught))
sys.exit(not (back == [0.0, 25.5, 4.4, 24.6] and not caught))
PYTHON
