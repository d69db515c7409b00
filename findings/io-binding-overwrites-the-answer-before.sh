#!/usr/bin/env bash
# The second run of an ONNX Runtime binding overwrites the first run's result, and the numpy array taken from it.
#
# Guess:     bind_output("y") without a buffer lets ONNX Runtime allocate each run's result, as run() does; numpy() gives a
#            copy, or at least one that stays.
# Version:   onnxruntime 1.32.0, CPython 3.11, x86-64 Linux.
# Behaviour: the first run allocates, every later one of the same shape writes into that same memory, and OrtValue.numpy() is a
#            view of it. Answers kept in a list, or handed to a thread that writes them out, are all the last one. run() gives
#            arrays of their own.
# Seen:      run(): the answers to 1, 2 and 3 are [-1, -2, -3]
#            output bound for each run: the answers to 1, 2 and 3 are [-1, -2, -3]
#            output bound once: the answers to 1, 2 and 3 are [-3, -3, -3]
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

graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "shown",
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()
session = onnxruntime.InferenceSession(model)
requests = [numpy.full((1, 2), value, "float32") for value in (1, 2, 3)]
plain = [session.run(["y"], {"x": request})[0] for request in requests]
binding, bound = session.io_binding(), []
for request in requests:
    binding.bind_cpu_input("x", request)
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    bound.append(binding.get_outputs()[0].numpy())
anew, once = bound, []
binding = session.io_binding()
binding.bind_output("y")
for request in requests:
    binding.bind_cpu_input("x", request)
    session.run_with_iobinding(binding)
    once.append(binding.get_outputs()[0].numpy())
for name, answers in (("run()", plain), ("output bound for each run", anew), ("output bound once", once)):
    print(f"{name}: the answers to 1, 2 and 3 are {[int(answer[0, 0]) for answer in answers]}")
sys.exit(0 if [answer[0, 0] for answer in plain] == [-1, -2, -3] and [answer[0, 0] for answer in once] == [-3, -3, -3] else 1)
PYTHON
python3 -W ignore "$folder/show.py"
