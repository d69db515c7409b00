# The clients' part of deps.sh: Triton's client for Python, and NVIDIA's perf_analyzer, which lies in its wheel. Sourced, not
# run.
#
# They are whole programs of others, unmodified, that tests run against serve-production. They want nothing of torch's; a
# Python 3.11 with numpy is the machine's own (libb64 is perf_analyzer's, and Debian's). `tritonserver` is the server of the same
# house, from the wheel of PyTriton; it runs models in Debian's Python.

clients_wheel=tritonclient-2.41.0.data

# plan_clients clients|tritonserver
plan_clients() {
    probe libb64-0d needs_library libb64.so.0d
    [ "$1" != tritonserver ] || probe libpython3.11 needs_library libpython3.11.so.1.0
    probe python3-numpy find_clients_python
    plan_wheels "$1"
}

# The wheels are for CPython 3.11, which Debian 12 has.
find_clients_python() { clients_python=$(find_python_3_11 numpy); }

# Read to its end: a writer that is cut off would count as missing.
needs_library() { ldconfig -p 2>/dev/null | grep -F "$1 " >/dev/null; }

# Says to client-python which Python. A wheel's programs are unpacked as plain files.
write_clients() {
    chmod +x ".deps/clients/$clients_wheel/data/bin/"*
    [ "$(cat .deps/clients.stamp 2>/dev/null)" = "$clients_python" ] || echo "$clients_python" >.deps/clients.stamp
}

# The part of Triton that runs Python is one for each version of Python.
write_tritonserver() {
    local server=.deps/tritonserver/pytriton/tritonserver
    chmod +x "$server/bin/tritonserver" "$server"/python_backend_stubs/*/*
    cp "$server/python_backend_stubs/3.11/triton_python_backend_stub" "$server/backends/python/"
    echo tritonserver >.deps/tritonserver.stamp
}
