# The Python part of deps.sh: what makes the torch that batchtune is built against importable. Sourced, not run.
#
# .deps/torch is a whole wheel of torch, for CPython 3.11; the tree `python` is what that imports, pinned in wheels.txt too.
# Its libtorch_python.so links all of CUDA's libraries, GPU or not: 2.5 GB that a machine without a GPU would never call.
# There, libraries of the same names stand in for them, which hold every symbol that is asked for and no code. They lie
# where only tools/setup/torch-python looks, and the real ones, where they are, come first by libtorch's own RPATH.

# plan_python python|peers|networks: after plan_torch.
plan_python() {
    case $torch_origin in
    Python) torch_python=$python ;;
    LIBTORCH) fail 1 "LIBTORCH=$torch_home: use a Python of its own version; batchtune's Python part goes with its own torch" ;;
    .deps)
        torch_python=$(find_python_3_11) ||
            fail 1 "the pinned torch's Python part is for CPython 3.11, and $python is another: give PYTHON=/path/to/python3.11"
        if [ "$1" = python ]; then plan_wheels python; else plan_wheels python "$1"; fi
        ;;
    esac
}

# find_python_3_11 [MODULE]: prints the first Python 3.11, which wheels are for, that there is and that has the module.
find_python_3_11() {
    local candidate found
    for candidate in "$python" python3.11 /usr/bin/python3; do
        found=$("$candidate" -c "import sys${1:+, $1}
print(sys.executable if sys.version_info[:2] == (3, 11) else '')" 2>/dev/null) || continue
        [ -z "$found" ] || { echo "$found" && return 0; }
    done
    return 1
}

# Says to torch-python which Python, and where its modules are.
write_python() {
    local text="$torch_python"
    if [ "$torch_origin" = .deps ]; then
        make_stand_ins
        text="$torch_python .deps"
    fi
    [ "$(cat .deps/python.stamp 2>/dev/null)" = "$text" ] || echo "$text" >.deps/python.stamp
}

# One stand-in for each library of CUDA's that torch links and that is not there.
make_stand_ins() {
    local own=(.deps/torch/lib/lib{torch_cuda,torch_nvshmem,torch_python,c10_cuda}.so) to=.deps/python.libraries library name
    [ ! -e "$to/made" ] || [ "$to/made" -ot .deps/torch.wheels ] || return 0
    say "making stand-ins for CUDA's libraries ($to)"
    rm -rf "$to"
    mkdir -p "$to"
    nm -D --undefined-only "${own[@]}" | awk '$1 == "U" { print $2 }' | sort -u >"$to/wanted"
    for library in "${own[@]}"; do readelf -d "$library"; done |
        sed -n -E 's/.*NEEDED.*\[(lib(cu|nv|nccl).*)\]/\1/p' | sort -u >"$to/names"
    while read -r name; do
        if ! ls .deps/nvidia/*/lib/"$name" >/dev/null 2>&1; then make_stand_in "$name" "$to"; fi
    done <"$to/names"
    touch "$to/made"
}

# Most of these libraries' symbols carry the library's name as their version; the others' are told by their first letters.
make_stand_in() {
    local name=$1 to=$2 version=$1 script=()
    case $name in libnvshmem*) version=NVSHMEM ;; esac
    awk -F '@' -v version="$version" '$2 == version || ($2 == "" && $1 ~ /^(nccl|cuFile|cusparseLt|nvshmem)/) {
        print "char " $1 ";" }' "$to/wanted" >"$to/symbols.c"
    if grep -q "@$version\$" "$to/wanted"; then
        echo "$version { *; };" >"$to/symbols.map"
        script=("-Wl,--version-script,$to/symbols.map")
    fi
    "${CC:-gcc}" -shared -o "$to/$name" "-Wl,-soname,$name" "${script[@]}" "$to/symbols.c"
}
