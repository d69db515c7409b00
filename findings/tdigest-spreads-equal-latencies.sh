#!/usr/bin/env bash
# The t-digest of the package tdigest puts the median of 95 times 10 ms and 5 times 1000 ms at 59.5 ms, and P90 at 851.
#
# Guess:     a digest of a hundred values is nearly exact; P50 and P90 of these are 10.
# Version:   tdigest 0.5.2.2; beside it fastdigest 0.12.0 and datasketches 5.2.0, CPython 3.11, x86-64 Linux.
# Behaviour: equal values fall into one centroid of weight 95, and percentile() draws a line from it to the next, so that half
#            of them are reported above 10 and up to the outlier. Latencies counted in whole milliseconds, or of a steady
#            service, are equal by the hundred. The other two give 10.
# Seen:      tdigest      P50 59.5, P80 653.5, P90 851.5
#            fastdigest   P50 10.0, P80 10.0, P90 10.0
#            datasketches P50 10.0, P80 10.0, P90 10.0
#            sorted       P50 10.0, P80 10.0, P90 10.0
#
# It installs these packages (30 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" tdigest==0.5.2.2 fastdigest==0.12.0 datasketches==5.2.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import datasketches
import fastdigest
import tdigest

latencies = [10.0] * 95 + [1000.0] * 5
plain, sketch = tdigest.TDigest(), datasketches.tdigest_double()
for latency in latencies:
    plain.update(latency)
    sketch.update(latency)
fast = fastdigest.TDigest.from_values(latencies)
percents = (50, 80, 90)
seen = {"tdigest": [plain.percentile(p) for p in percents], "fastdigest": [fast.quantile(p / 100) for p in percents],
        "datasketches": [sketch.get_quantile(p / 100) for p in percents],
        "sorted": [sorted(latencies)[p - 1] for p in percents]}
for name, values in seen.items():
    print(f"{name:12}", ", ".join(f"P{p} {value:.1f}" for p, value in zip(percents, values)))
wrong = seen.pop("tdigest")
sys.exit(0 if wrong[0] > 20 and wrong[2] > 500 and all(value == 10 for values in seen.values() for value in values) else 1)
PYTHON
python3 -W ignore "$folder/show.py"
