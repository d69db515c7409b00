#!/usr/bin/env bash
# A single request to OpenVINO's automatic batching on a CPU takes a second, whatever the network takes.
#
# Guess:     a batch that does not fill is run after a few milliseconds, or at once where the network is quick.
# Version:   openvino 2026.4.1, CPython 3.11, x86-64 Linux.
# Behaviour: AUTO_BATCH_TIMEOUT is 1000 ms unless it is set, however quick the network: with three requests of four at hand all
#            wait that second; four go at once. A network of microseconds has a P95 of one second under light load, and looks
#            well when tested at full load.
# Seen:      AUTO_BATCH_TIMEOUT: 1000
#            CPU: 1, 3 and 4 at once take 0, 0, 0 ms, best of three
#            BATCH:CPU(4): 1, 3 and 4 at once take 1001, 1000, 3 ms, best of three
#
# It installs OpenVINO and numpy (130 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" openvino==2026.4.1 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import time
import numpy
import openvino
import openvino.opset15 as operations


def milliseconds(device, together):
    network = core.compile_model(model, device)
    requests = [network.create_infer_request() for _ in range(together)]
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for request in requests:
            request.start_async([numpy.ones((1, 4), "float32")])
        for request in requests:
            request.wait()
        times.append((time.perf_counter() - began) * 1e3)
    return min(times)


given = operations.parameter([1, 4], openvino.Type.f32)
model = openvino.Model([operations.multiply(given, numpy.float32(2))], [given])
core = openvino.Core()
print("AUTO_BATCH_TIMEOUT:", core.compile_model(model, "BATCH:CPU(4)").get_property("AUTO_BATCH_TIMEOUT"))
seen = {}
for device in ("CPU", "BATCH:CPU(4)"):
    seen[device] = [milliseconds(device, together) for together in (1, 3, 4)]
    print(f"{device}: 1, 3 and 4 at once take", ", ".join(f"{value:.0f}" for value in seen[device]), "ms, best of three")
late = [value > 900 for value in seen["BATCH:CPU(4)"]]
sys.exit(0 if late == [True, True, False] and max(seen["CPU"]) < 500 else 1)
PYTHON
python3 -W ignore "$folder/show.py"
