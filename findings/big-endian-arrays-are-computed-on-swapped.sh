#!/usr/bin/env bash
# OpenCV, ONNX Runtime and OpenVINO swap the bytes of what Pillow gives for ImageJ's 16-bit TIFFs.
#
# Guess:     numpy's byte order is a detail that a library with a numpy interface converts or refuses, as tifffile, onnx and
#            SimpleITK do.
# Version:   Pillow 13.0.0, opencv-python-headless 5.0.0.93, onnxruntime 1.32.0, openvino 2026.4.1, CPython 3.11, x86-64 Linux;
#            file by tifffile 2026.3.3 in ImageJ's form, big-endian as ImageJ writes.
# Behaviour: numpy.array(Image.open(path)) has dtype >u2, equal to the native array in every comparison. cv2.flip,
#            InferenceSession.run and openvino.Tensor look at the kind and size alone and take 1 for 256. CompiledModel.__call__
#            converts; Tensor, one call beside it, does not.
# Seen:      Pillow, >u2       1 2 300 4000
#            cv2.flip twice    256 512 11265 40975
#            onnxruntime       256 512 11265 40975
#            openvino.Tensor   256 512 11265 40975
#            openvino, called  1 2 300 4000
#
# It installs these packages (400 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves
# so, with 1 where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6 \
    opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 openvino==2026.4.1
cat >"$folder/show.py" <<'PYTHON'
import os
import sys
import cv2
import numpy
import onnx
import onnxruntime
import openvino
import tifffile
from onnx import TensorProto, helper
from PIL import Image

path = os.path.join(os.path.dirname(__file__), "imagej.tif")
stored = numpy.array([[1, 2, 300, 4000]], "uint16")
tifffile.imwrite(path, stored, imagej=True, byteorder=">")
picture = numpy.array(Image.open(path))
shape = ["rows", "columns"]
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same",
                          [helper.make_tensor_value_info("x", TensorProto.UINT16, shape)],
                          [helper.make_tensor_value_info("y", TensorProto.UINT16, shape)])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
core = openvino.Core()
compiled = core.compile_model(core.read_model(model), "CPU")
seen = {"Pillow, " + picture.dtype.str: picture, "cv2.flip twice": cv2.flip(cv2.flip(picture, 1), 1),
        "onnxruntime": onnxruntime.InferenceSession(model).run(None, {"x": picture})[0],
        "openvino.Tensor": openvino.Tensor(picture).data, "openvino, called": compiled([picture])[0]}
for name, values in seen.items():
    print(f"{name:17}", *values[0])
swapped, same = stored.byteswap()[0].tolist(), stored[0].tolist()
wanted = [same, swapped, swapped, swapped, same]
sys.exit(0 if picture.dtype.str == ">u2" and [values[0].tolist() for values in seen.values()] == wanted else 1)
PYTHON
python3 -W ignore "$folder/show.py"
