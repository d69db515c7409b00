#!/usr/bin/env bash
# numpy's mean of each channel of a float32 picture is 4 % off, while the mean of all channels is right.
#
# Guess:     numpy sums in pairs, so that float32 is good to six digits whatever the axes.
# Version:   numpy 2.4.6, CPython 3.11, x86-64 Linux.
# Behaviour: pairs are formed only along the fastest axis. Over the others, as mean((0, 1)) of a picture (y, x, channel) or
#            mean(0) of its pixels, it adds row to row in float32, and what is added soon lies below the last digit of the sum.
#            A constant picture of 0.1 and 2048² pixels has channel means of 0.096. Normalisation constants come from this line;
#            dtype="float64" mends it.
# Seen:      mean()                         0.1000
#            mean((0, 1))                   0.0960
#            reshape(-1, 3).mean(0)         0.0960
#            mean((0, 1), dtype="float64")  0.1000
#
# It installs numpy (20 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves so, with 1
# where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy

picture = numpy.full((2048, 2048, 3), 0.1, "float32")
means = {"mean()": picture.mean(), "mean((0, 1))": picture.mean((0, 1))[0],
         "reshape(-1, 3).mean(0)": picture.reshape(-1, 3).mean(0)[0],
         'mean((0, 1), dtype="float64")': picture.mean((0, 1), dtype="float64")[0]}
for name, value in means.items():
    print(f"{name:30} {value:.4f}")
off = [abs(value - 0.1) / 0.1 for value in means.values()]
sys.exit(0 if off[0] < 1e-5 and off[3] < 1e-5 and off[1] > 0.02 and off[2] > 0.02 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
