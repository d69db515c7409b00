# The libtorch part of deps.sh: where libtorch comes from, the pinned wheels, their cache. Sourced, not run.
#
# wheels.txt lists the wheels with their checksums in trees: `torch`, `nvidia` (what libtorch_cpu.so itself links) and
# `cuda` (what a GPU needs besides, unpacked into the nvidia tree where a driver is present); `python`, `peers` and
# `networks` are python.sh's. libtorch finds the nvidia tree by its own RPATH, $ORIGIN/../../nvidia, so the two lie side by side.
# .deps/TREE.wheels says which wheels a tree was made of; it is written last, so a tree without it is not used.

cache=${XDG_CACHE_HOME:-${HOME:-$PWD/.deps}/.cache}/batchtune
python=${PYTHON:-python3}
torch_at_least='2 11'

# wheel_field NAME FIELD: of wheels.txt's line for a wheel.
wheel_field() {
    awk -v name="$1" -v field="$2" '
        /^# tree / { for (i = 2; i <= NF; i++) column[$i] = i - 1 }
        $2 == name && !/^#/ { print $column[field]; exit }' tools/setup/wheels.txt
}

# sum FIELD NAME...
sum() {
    local field=$1 total=0 wheel
    shift
    for wheel in "$@"; do total=$((total + $(wheel_field "$wheel" "$field"))); done
    echo "$total"
}

# The names of the wheels that make up the given trees, on this machine.
wheels_of() {
    local tree
    for tree in "$@"; do
        awk -v tree="$tree" '$1 == tree { print $2 }' tools/setup/wheels.txt
        if [ "$tree" = nvidia ] && has_nvidia_driver; then awk '$1 == "cuda" { print $2 }' tools/setup/wheels.txt; fi
    done
}

has_nvidia_driver() {
    [ -e /proc/driver/nvidia/version ] ||
        { command -v nvidia-smi >/dev/null && ldconfig -p 2>/dev/null | grep 'libcuda\.so\.1' >/dev/null; }
}

# Decides where libtorch comes from: sets torch_home, torch_origin and torch_version, and what is missing for it.
plan_torch() {
    if [ -n "${LIBTORCH:-}" ]; then
        use_libtorch "$LIBTORCH" LIBTORCH
    elif [ ! -e .deps/torch.wheels ] && find_python_torch; then
        use_libtorch "$python_torch" Python
    else
        [ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] ||
            fail 1 "the pinned libtorch is for Linux on x86_64, this is $(uname -sm): give LIBTORCH=/path"
        torch_home=$PWD/.deps/torch
        torch_origin=.deps
        torch_version=$(wheel_field torch version)
        plan_wheels torch nvidia
    fi
}

use_libtorch() {
    torch_version=$(libtorch_version "$1") ||
        fail 1 "$2=$1 holds no libtorch: lib/libtorch_cpu.so and a version must be in it; give the folder that has lib/ and include/"
    new_enough "$torch_version" || fail 1 "$2=$1 is libtorch $torch_version; 2.11 or newer is needed"
    torch_home=$(cd "$1" && pwd)
    torch_origin=$2
}

# A wheel says its version in version.py, libtorch's own archive in build-version, every build in a header.
libtorch_version() {
    [ -e "$1/lib/libtorch_cpu.so" ] || return 1
    local version=''
    if [ -e "$1/version.py" ]; then
        version=$(sed -n "s/^__version__ = '\([0-9.]*\).*/\1/p" "$1/version.py")
    elif [ -e "$1/build-version" ]; then
        version=$(sed -n '1s/^\([0-9.]*\).*/\1/p' "$1/build-version")
    else
        version=$(cat "$1/include/torch/headeronly/version.h" "$1/include/torch/csrc/api/include/torch/version.h" \
            2>/dev/null | awk '/define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]/ && n++ < 3 { text = text "." $3 }
                END { print substr(text, 2) }')
    fi
    [ -n "$version" ] && echo "$version"
}

new_enough() {
    echo "$1.$torch_at_least" | tr ' ' . | awk -F . '{ exit !($1 > $(NF - 1) || ($1 == $(NF - 1) && $2 >= $NF)) }'
}

# An installed Python's torch, found without importing it; one that is too old or has no libraries is passed over.
find_python_torch() {
    [ "${PYTHON_TORCH:-}" != no ] || return 1
    local version
    python_torch=$(cd / && "$python" -c 'import importlib.util as u
s = u.find_spec("torch")
print(s.submodule_search_locations[0] if s else "")' 2>/dev/null) || return 1
    [ -n "$python_torch" ] && version=$(libtorch_version "$python_torch") && new_enough "$version"
}

# plan_wheels TREE...
plan_wheels() {
    local tree wheel
    for tree in "$@"; do
        if is_unpacked "$tree"; then continue; fi
        trees_missing="$trees_missing $tree"
        for wheel in $(wheels_of "$tree"); do
            is_cached "$wheel" || wheels_missing="$wheels_missing $wheel"
        done
    done
    if [ -n "$trees_missing" ]; then probe python3 needs_command "$python"; fi
    if [ -n "$wheels_missing" ]; then probe python3-pip "$python" -m pip --version >/dev/null 2>&1; fi
}

tree_contents() {
    local wheel
    for wheel in $(wheels_of "$1"); do
        echo "$(wheel_field "$wheel" sha256) $(wheel_field "$wheel" file)"
    done
}

# A tree that holds more than it must (a driver was there once) is good as it is. grep reads to the end: were it to stop
# at the first that is missing, whoever still writes would fail, and with pipefail that is no wheel missing.
is_unpacked() {
    [ -e ".deps/$1.wheels" ] && ! tree_contents "$1" | grep -v -x -F -f ".deps/$1.wheels" >/dev/null
}

# The size is checked here, where it is cheap to know; the checksum before unpacking.
is_cached() {
    local size
    size=$(stat -c %s "$cache/$(wheel_field "$1" file)" 2>/dev/null) && [ "$size" = "$(wheel_field "$1" bytes)" ]
}

install_wheels() {
    [ -n "$trees_missing" ] || return 0
    mkdir -p "$cache"
    wait_for_lock "$cache/lock" 9
    rm -rf .deps/tmp.* "$cache"/fetch.* # left by runs that were killed: the locks say that none is alive
    trap 'rm -rf .deps/tmp.$$ "$cache/fetch.$$"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    local tree wheel
    for tree in $trees_missing; do
        for wheel in $(wheels_of "$tree"); do
            try 3 fetch_wheel "$wheel" || fail 1 "could not get $(wheel_field "$wheel" file): check the network and pip's" \
                "settings (pip config list), put the file into $cache yourself, or give LIBTORCH=/path"
        done
        unpack_tree "$tree"
    done
}

# Makes sure that the cache holds a wheel with the right checksum.
fetch_wheel() {
    local file found fetch="$cache/fetch.$$"
    file=$(wheel_field "$1" file)
    if [ -e "$cache/$file" ]; then
        has_checksum "$cache/$file" "$1" && return
        rm -f "$cache/$file"
        warn "the cached $file has a wrong checksum: thrown away"
    fi
    ! is_offline || fail 1 "OFFLINE=1 and the wheel $file is missing: put it into $cache, or give LIBTORCH=/path"
    say "downloading $file"
    rm -rf "$fetch"
    mkdir -p "$fetch/tmp"
    pip_download "$1" "$fetch" || return 1
    found=$(echo "$fetch"/*.whl)
    if ! has_checksum "$found" "$1"; then
        warn "$(basename "$found") came with a wrong checksum: it is not the file that tools/setup/wheels.txt names"
        return 1
    fi
    mv "$found" "$cache/$file"
    rm -rf "$fetch"
}

# A fixed Python tag, so that the machine's own Python does not matter. Every older glibc tag is named, since pip takes
# --platform literally. TMPDIR keeps the download on the cache's file system, which was checked; pip's own cache would
# keep a second copy. A person sees pip's progress bar, a log only its last words.
pip_download() {
    local tag arguments=(--no-deps --only-binary=:all: --python-version 3.11 --implementation cp --no-cache-dir -d "$2")
    for tag in manylinux_2_{28..5}_x86_64 manylinux{2014,2010,1}_x86_64 any manylinux_2_35_x86_64; do arguments+=(--platform "$tag"); done
    arguments+=("$1==$(wheel_field "$1" version)")
    if [ -t 2 ]; then
        TMPDIR=$2/tmp PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip download -q --progress-bar on "${arguments[@]}" 8>&- 9>&- >&2
    elif ! TMPDIR=$2/tmp PIP_REQUIRE_VIRTUALENV=0 "$python" -m pip download -q "${arguments[@]}" \
        8>&- 9>&- >.deps/pip.log 2>&1; then
        # The first complaint is the cause ("connection broken by ..."), the last only that nothing was found.
        warn "pip (log: .deps/pip.log): $(grep -m 1 -E 'broken by|Could not fetch|ERROR' .deps/pip.log | cut -c 1-300)"
        return 1
    fi
}

has_checksum() {
    echo "$(wheel_field "$2" sha256)  $1" | sha256sum --check --status
}

# All wheels of a tree into one folder aside, then one rename: the folder of the tree's name, and what else there is in
# .deps/TREE.beside; where there is no such folder, all of it.
unpack_tree() {
    local tree=$1 aside=.deps/tmp.$$ wheel
    say "unpacking .deps/$tree"
    rm -rf "$aside"
    mkdir -p "$aside"
    for wheel in $(wheels_of "$tree"); do
        "$python" -m zipfile -e "$cache/$(wheel_field "$wheel" file)" "$aside" 8>&- 9>&- ||
            fail 1 "$(wheel_field "$wheel" file) could not be unpacked: is the disk full?"
    done
    rm -rf ".deps/$tree.wheels" ".deps/$tree" ".deps/$tree.licenses" ".deps/$tree.beside"
    mkdir ".deps/$tree.licenses"
    mv "$aside"/*.dist-info ".deps/$tree.licenses/"
    if [ -e "$aside/$tree" ]; then
        mv "$aside/$tree" ".deps/$tree"
        mv "$aside" ".deps/$tree.beside"
    else
        mv "$aside" ".deps/$tree"
    fi
    tree_contents "$tree" >".deps/$tree.wheels.tmp"
    mv ".deps/$tree.wheels.tmp" ".deps/$tree.wheels"
}
