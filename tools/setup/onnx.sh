# ONNX Runtime's part of deps.sh: its library, which lies in its wheel for Python and is loaded from C, and for tests the
# `onnx` module, which writes networks and computes them slowly. Sourced, not run.
#
# The library wants no Python; the tree onnx-tests does, CPython 3.11, which Debian 12 has.

# A tree `onnx` with a module of that name in it would be that module alone (see unpack_tree): hence two.
plan_onnx() {
    [ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] ||
        fail 1 "the pinned ONNX Runtime is for Linux on x86_64, this is $(uname -sm): set BATCHTUNE_ONNXRUNTIME to a library"
    probe python3 find_onnx_python
    plan_wheels onnx onnx-tests
}

find_onnx_python() { onnx_python=$(find_python_3_11); }

# The library under the name that src/backend/onnx-library.c knows. The stamp says which Python.
write_onnx() {
    ln -sfn "onnxruntime/capi/libonnxruntime.so.$(wheel_field onnxruntime version)" .deps/onnx/libonnxruntime.so.1
    [ "$(cat .deps/onnx.stamp 2>/dev/null)" = "$onnx_python" ] || echo "$onnx_python" >.deps/onnx.stamp
}
