#!/usr/bin/env bash
# A zarr array that is made smaller and larger again shows what had been cut off.
#
# Guess:     what resize() cuts off is gone; new cells hold the fill value, as after numpy's own resize().
# Version:   zarr 3.1.6, CPython 3.11, x86-64 Linux.
# Behaviour: chunks that lie wholly outside are deleted, but the one on the new edge keeps its bytes, and they come back when
#            the array grows. How much comes back depends on the chunks: none where the cut falls between two. A mask that was
#            cropped and padded has its old objects in the margin.
# Seen:      chunks of 4: 12 cells of 7, cut to 9, grown to 12: [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]
#            chunks of 3: 12 cells of 7, cut to 9, grown to 12: [7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0]
#            one chunk of 4 x 4, cut to 4 x 2, grown again: row [7, 7, 7, 7]
#
# It installs zarr and what it needs (50 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" zarr==3.1.6 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import zarr

seen = {}
for chunk in (4, 3):
    array = zarr.create_array(zarr.storage.MemoryStore(), shape=(12,), chunks=(chunk,), dtype="uint16", fill_value=0)
    array[:] = 7
    array.resize((9,))
    array.resize((12,))
    seen[chunk] = array[:].tolist()
    print(f"chunks of {chunk}: 12 cells of 7, cut to 9, grown to 12: {seen[chunk]}")
appended = zarr.create_array(zarr.storage.MemoryStore(), shape=(4, 4), chunks=(4, 4), dtype="uint16", fill_value=0)
appended[:] = 7
appended.resize((4, 2))
appended.resize((4, 4))
print(f"one chunk of 4 x 4, cut to 4 x 2, grown again: row {appended[0].tolist()}")
good = seen[4] == [7] * 12 and seen[3] == [7] * 9 + [0] * 3 and appended[0].tolist() == [7] * 4
sys.exit(0 if good else 1)
PYTHON
python3 -W ignore "$folder/show.py"
