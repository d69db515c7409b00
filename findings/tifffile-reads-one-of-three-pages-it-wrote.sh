#!/usr/bin/env bash
# Of three pages written to one file by tifffile, tifffile.imread gives the first.
#
# Guess:     imread() gives all three as one array, as it does for the same three pages from any other writer.
# Version:   tifffile 2026.3.3, CPython 3.11, x86-64 Linux.
# Behaviour: each TiffWriter.write() (and imwrite(append=True)) marks its page as a series of its own, and imread() reads the
#            first series. With metadata=None, or contiguous=True, the three are one series. ImageJ and other readers see three
#            pages. A loop that writes one frame at a time, read back, loses all but one, without a word.
# Seen:      write(frame): 3 pages, 3 series, imread() gives (8, 8)
#            write(frame, metadata=None): 3 pages, 1 series, imread() gives (3, 8, 8)
#            write(frame, contiguous=True): 3 pages, 1 series, imread() gives (3, 8, 8)
#
# It installs tifffile and numpy (25 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" tifffile==2026.3.3 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import numpy
import tifffile

path = os.path.join(os.path.dirname(__file__), "frames.tif")
frames = numpy.arange(3 * 8 * 8, dtype="uint16").reshape(3, 8, 8)
seen = {}
for name, settings in (("write(frame)", {}), ("write(frame, metadata=None)", {"metadata": None}),
                       ("write(frame, contiguous=True)", {"contiguous": True})):
    with tifffile.TiffWriter(path) as writer:
        for frame in frames:
            writer.write(frame, **settings)
    with tifffile.TiffFile(path) as file:
        pages, series = len(file.pages), len(file.series)
    seen[name] = tifffile.imread(path).shape
    print(f"{name}: {pages} pages, {series} series, imread() gives {seen[name]}")
sys.exit(0 if list(seen.values()) == [(8, 8), (3, 8, 8), (3, 8, 8)] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
