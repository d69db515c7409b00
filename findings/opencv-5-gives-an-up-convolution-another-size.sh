#!/usr/bin/env bash
# OpenCV 5's networks give an up-convolution of 19 x 23, by ConvTranspose's output_shape, a size of 21 x 25.
#
# Guess:     an attribute that a runtime cannot follow is refused when the network is read, as OpenCV refuses whole operators.
# Version:   opencv-python-headless 5.0.0.93, onnxruntime 1.32.0, onnx 1.23.2, CPython 3.11, x86-64 Linux.
# Behaviour: with output_shape, with which exporters of U-Nets make an up-convolution meet its skip connection, the result has
#            neither the size asked for nor that of no padding (20 x 24), but one row and column more than the latter. Nothing is
#            said while reading or running; a network that concatenates fails there, one that does not goes on with a shifted map.
# Seen:      OpenCV:       (1, 1, 21, 25)
#            ONNX Runtime: (1, 1, 19, 23)
#
# It installs OpenCV, ONNX Runtime and ONNX (250 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it
# behaves so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" opencv-python-headless==5.0.0.93 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
python3 - <<'PYTHON'
import sys

import cv2
import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[19, 23])
graph = helper.make_graph(
    [node], "up", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 9, 11])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 19, 23])],
    [numpy_helper.from_array(numpy.ones((1, 1, 4, 4), "f4"), "w")])
file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9).SerializeToString()
picture = numpy.ones((1, 1, 9, 11), "f4")
net = cv2.dnn.readNetFromONNX(numpy.frombuffer(file, numpy.uint8))
net.setInput(picture)
opencv = net.forward().shape
runtime = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0].shape
print("OpenCV:      ", opencv)
print("ONNX Runtime:", runtime)
sys.exit(not (opencv == (1, 1, 21, 25) and runtime == (1, 1, 19, 23)))
PYTHON
