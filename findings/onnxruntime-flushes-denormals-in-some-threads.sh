#!/usr/bin/env bash
# ONNX Runtime flushes denormals in a session's own threads, and in the calling thread only if the process's first session
# was asked to.
#
# Guess:     session.set_denormal_as_zero is a setting of a session: each session flushes denormals to zero where it was asked
#            to, in all of its run, and no other does.
# Version:   onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: the calling thread, which computes a part of each operation and all of it where the session has one thread, is
#            set once a process, when the first session is made, as that was told. The threads of a session's pool are set as
#            the session was. So a later session that is asked to flush flushes in three of its four threads, and one tensor
#            has both zeros and denormals in it, by which thread got which part; one that is not asked flushes all the same
#            where the first was. The same model on the same numbers gives other results by what ran before it.
# Seen:      first session asked 0: asked 1, 1 thread: 0.0000 of the squares are 0
#            first session asked 0: asked 1, 4 threads: 0.3750 of the squares are 0 (in other runs 0.2500, 0.7500)
#            first session asked 1: asked 0, 1 thread: 1.0000 of the squares are 0
#
# It installs these packages (100 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat >"$folder/show.py" <<'PYTHON'
import sys
import numpy
import onnxruntime
from onnx import TensorProto, helper

graph = helper.make_graph([helper.make_node("Mul", ["x", "x"], ["y"])], "shown",
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n",))],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()


def session(flush, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.set_denormal_as_zero", flush)
    return onnxruntime.InferenceSession(model, options)


first = sys.argv[1]
session(first)
for flush, threads in [("1", 1), ("1", 4)] if first == "0" else [("0", 1)]:
    squares = session(flush, threads).run(None, {"x": numpy.full(4_000_000, 1e-20, "float32")})[0]
    zeros = (squares.view("uint32") == 0).mean()
    print(f"first session asked {first}: asked {flush}, {threads} thread{'s' * (threads > 1)}: {zeros:.4f} of the squares are 0")
    wanted = zeros > 0.99 if first == "1" else zeros < 0.01 if threads == 1 else 0.01 < zeros < 0.999
    if not wanted:
        sys.exit(1)
PYTHON
python3 -W ignore "$folder/show.py" 0
python3 -W ignore "$folder/show.py" 1
