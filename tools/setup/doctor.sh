#!/usr/bin/env bash
# Prints what a bug report needs and, marked with !, what is wrong with this machine and how to put it right.
#
#   make doctor      or tools/setup/doctor.sh; O=build is where the programs are, LIBTORCH= as in the makefile
#
# Changes nothing, downloads nothing. Exit status 0 whatever it finds: it is a report, not a judge (1: nobody could
# be given it).
set -uo pipefail
export LC_ALL=C # what other programs print is read here: in English, and numbers with a dot
cd "$(dirname "$0")/../.."
. tools/setup/say.sh
. tools/setup/packages.sh
. tools/setup/libtorch.sh
build=${O:-build}
problems=0

line() { printf '  %-14s %s\n' "$1" "$2"; }
problem() {
    printf '! %-14s %s\n' "$1" "$2"
    problems=$((problems + 1))
}
heading() { printf '%s\n' "$1"; }

read_first() { # the first of the files that can be read
    cat "$@" 2>/dev/null | head -n 1
}

project() {
    heading 'batchtune'
    local revision
    revision=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo 'not a git checkout')
    line version "$(cat VERSION), revision $revision"
    [ -e "$build/bin" ] || problem programs "nothing is built in $build/bin: run make"
}

system() {
    heading 'machine'
    line system "$(. /etc/os-release && echo "${PRETTY_NAME:-unknown}"), kernel $(uname -r), $(uname -m)"
    line processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    features
    cores
    memory
    clocks
}

features() {
    local flag have=''
    for flag in avx2 avx512f avx512_bf16 avx512_vnni amx_tile amx_bf16 amx_int8; do
        grep -q -m 1 -w "$flag" /proc/cpuinfo && have="$have $flag"
    done
    have=${have# }
    line features "${have:-none of avx2, avx512f, avx512_bf16, amx_*}"
    case $have in
    *avx512_bf16* | *amx_bf16*) line bf16 'in hardware: taken where a measurement says that it pays' ;;
    *) line bf16 'not in hardware: auto stays in fp32 on this processor' ;;
    esac
}

# By the programs' own count; two threads on a quota of 1.5 CPUs are stopped, two on 2 are not.
cores() {
    local said quota
    line cores "$(nproc --all) in the machine, $(nproc) that this process may run on"
    said=$(env -u COLUMNS "$build/bin/canary" --duration 0s 2>/dev/null | sed -n 2p)
    quota=$(printf '%s\n' "$said" | sed -n 's/.*CPU quota of \([0-9.]*\) on.*/\1/p')
    case $said,$quota in
    ,*) line 'cores to use' "not known before $build/bin/canary is built: run make" ;;
    *' throttled '* | *,*.*) problem 'cores to use' "$said: while it is used up everything stands still, up to a \
period; raise the container's quota (docker --cpus, a pod's limit), to a whole number best" ;;
    *) line 'cores to use' "$said" ;;
    esac
}

# A file of the process's own cgroup (version 2), else of the root that a container sees.
cgroup_file() {
    local own
    own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
    read_first "/sys/fs/cgroup$own/$1" "/sys/fs/cgroup/$1" | grep .
}

memory() {
    local total available limit
    total=$(awk '/^MemTotal/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)
    available=$(awk '/^MemAvailable/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)
    limit=$(cgroup_file memory.max || read_first /sys/fs/cgroup/memory/memory.limit_in_bytes)
    case ${limit:-max} in max | 9223372036854*) limit='none' ;; *) limit=$(megabytes "$limit") ;; esac
    line memory "$(megabytes "$total"), $(megabytes "$available") available; cgroup limit: $limit"
    [ "$available" -ge 4000000000 ] ||
        problem memory 'less than 4 GB available: tuning both networks needs about that; close something or use --models'
}

clocks() {
    local governor turbo=/sys/devices/system/cpu/intel_pstate/no_turbo boost=/sys/devices/system/cpu/cpufreq/boost
    governor=$(read_first /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor)
    case $governor in
    '') line governor 'not told (a virtual machine, most often)' ;;
    performance) line governor "$governor" ;;
    *) problem governor "$governor: clocks follow the load and measurements with them; cpupower frequency-set -g performance" ;;
    esac
    if [ -r "$turbo" ]; then
        line turbo "$([ "$(cat "$turbo")" = 1 ] && echo off || echo 'on: expect some drift as the package warms up')"
    elif [ -r "$boost" ]; then
        line turbo "$([ "$(cat "$boost")" = 0 ] && echo off || echo 'on: expect some drift as the package warms up')"
    else
        line turbo 'not told'
    fi
    steal
}

# Time that a hypervisor gave to somebody else, since boot.
steal() {
    local percent
    percent=$(awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; printf "%.1f", all ? 100 * $9 / all : 0 }' /proc/stat)
    if awk -v p="$percent" 'BEGIN { exit !(p > 1) }'; then
        problem steal "$percent % of processor time went to other virtual machines: tails will be long; use a dedicated host"
    else
        line steal "$percent % since boot"
    fi
}

libraries() {
    heading 'libraries'
    tool compiler gcc g++ "${CC:-gcc}"
    tool 'c++ compiler' g++ g++ "${CXX:-g++}"
    line nvcc "$(nvcc --version 2>/dev/null | sed -n 's/.*release \([^,]*\),.*/\1/p' | grep . ||
        echo 'none (needed for fused CUDA kernels only)')"
    header_version jansson libjansson-dev jansson.h JANSSON_VERSION
    header_version cmocka libcmocka-dev cmocka.h ''
    tool gnuplot gnuplot-nox gnuplot gnuplot
    needs_font && line font 'DejaVu Sans' || problem font 'DejaVu Sans is missing: apt-get install fonts-dejavu-core'
    tool clang-format clang-format clang-format clang-format
    torch
    line oneDNN "$(ldconfig -p 2>/dev/null | sed -n 's/.*libdnnl\.so\.2 .*=> //p' | head -n 1 | grep . ||
        echo 'none: the compiled plan, which is the CPU'"'"'s production path, needs libdnnl2 (make deps)')"
}

# tool LABEL PACKAGE NAME COMMAND
tool() {
    if command -v "$4" >/dev/null; then
        line "$1" "$("$4" --version 2>/dev/null | head -n 1) ($(command -v "$4"))"
    else
        problem "$1" "$4 is missing: apt-get install $2"
    fi
}

# header_version LABEL PACKAGE HEADER MACRO
header_version() {
    if ! needs_header setjmp.h stdarg.h stddef.h stdint.h "$3"; then
        problem "$1" "$3 is missing: apt-get install $2"
        return
    fi
    local version place
    version=$(printf '#include <%s>\nversion %s\n' "$3" "$4" | "${CC:-gcc}" -E -P -x c - 2>/dev/null |
        tr -d '"\n' | sed 's/.*version *//')
    [ -n "$4" ] || version=$(dpkg-query -W -f '${Version}' "$2" 2>/dev/null || echo 'version not told')
    place=$(printf '#include <%s>\n' "$3" | "${CC:-gcc}" -M -x c - 2>/dev/null | tr ' ' '\n' | grep -m 1 "/$3\$")
    line "$1" "$version ($place)"
}

torch() {
    local said home
    # In a subshell: what ends deps.sh is a finding here.
    if said=$(plan_torch 2>&1 && [ -z "$trees_missing" ] && echo "$torch_version $torch_origin $torch_home"); then
        home=${said#* * }
        line libtorch "${said%% *} ($home)"
        line '' "$(origin_of "$said")"
        unresolved "$home/lib/libtorch_cpu.so"
        if has_nvidia_driver; then unresolved "$home/lib/libtorch_cuda.so"; fi
    else
        said=${said#deps: }
        problem libtorch "${said:-none yet}: run make deps, or give LIBTORCH=/path (not needed for --backend sim)"
    fi
}

origin_of() {
    case $1 in
    *' LIBTORCH '*) echo 'given as LIBTORCH' ;;
    *' Python '*) echo "an installed Python's" ;;
    *) echo 'fetched by make deps' ;;
    esac
}

# Asks the dynamic loader, with its cache left out, so that a CUDA toolkit on this machine does not hide a gap.
unresolved() {
    local missing
    missing=$(/lib64/ld-linux-x86-64.so.2 --inhibit-cache --list "$1" 2>/dev/null | awk '/not found/ { printf " %s", $1 }')
    [ -z "$missing" ] || problem libtorch "$(basename "$1") misses$missing: rm .deps/*.wheels && make deps"
}

gpu() {
    heading 'GPU'
    local driver
    driver=$(sed -n 's/.*Kernel Module[^0-9]*\([0-9.]*\).*/\1/p' /proc/driver/nvidia/version 2>/dev/null | head -n 1)
    if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
        nvidia-smi --query-gpu=index,name,driver_version,memory.total,memory.used,clocks_throttle_reasons.active,persistence_mode \
            --format=csv,noheader | while IFS= read -r text; do line device "$text"; done
    elif [ -n "$driver" ]; then
        problem driver "$driver is loaded but nvidia-smi does not answer: restart the machine, or the container with its GPU"
    else
        line device 'none: batchtune runs its CPU demonstration profile here'
    fi
}

storage() {
    heading 'disk'
    local folder free
    for folder in . .deps results "$cache"; do
        [ -d "$folder" ] || continue
        free=$(df -Pk "$folder" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
        line "$(name_of "$folder")" "$(megabytes "$(du -sk "$folder" 2>/dev/null | awk '{ print $1 * 1024 }')") used, \
$(megabytes "$free") free"
        [ "$free" -ge 1000000000 ] || problem "$(name_of "$folder")" 'less than 1 GB free: make room before a run'
    done
    [ -w results ] || problem results 'cannot be written: runs could not leave their records; check its owner'
}

name_of() {
    case $1 in .) echo checkout ;; "$cache") echo cache ;; *) echo "$1" ;; esac
}

steadiness() {
    heading 'steadiness'
    if [ ! -x "$build/bin/canary" ]; then
        problem canary "$build/bin/canary is not built: run make"
        return
    fi
    local said spread
    said=$(env -u COLUMNS "$build/bin/canary" --duration "${CANARY_S:-2}s" | head -n 1)
    spread=$(printf '%s\n' "$said" | sed -n 's/.*spread \([0-9.]*\) .*/\1/p')
    if awk -v spread="${spread:-100}" 'BEGIN { exit !(spread > 10) }'; then
        problem canary "$said: something else is using the machine; stop it, or expect wide bounds"
    else
        line canary "$said"
    fi
    line load "$(cut -d ' ' -f 1-3 /proc/loadavg) (1, 5 and 15 minutes)"
}

everything() {
    project
    system
    libraries
    gpu
    storage
    steadiness
    [ "$problems" = 0 ] && echo 'nothing wrong was found' || echo "$problems marked with !"
}

packages_missing='' wheels_missing='' trees_missing=''
findings=$(everything)
printf '%s\n' "$findings" 2>/dev/null || {
    echo 'doctor: standard output could not be written; the findings are lost' >&2
    exit 1
}
