#!/usr/bin/env bash
# Fetches what the build, the tests and the plots need, and nothing that is there already.
#
#   tools/setup/deps.sh [--quiet] [core|gpu|lint|gate|monitoring|fuzz|coverage|package|mpi|torch|python|peers|networks|clients|tritonserver|deployment|onnx]...
#                                                                               core, lint and torch when none is named
#
#   core   Debian packages: compilers, jansson, oneDNN, readers of images and archives, an HTTP server and a
#          client, OpenCV's imgproc, cmocka, gnuplot and a font, numpy, prove
#   gpu    of core only what `make gpu-check` compiles with
#   lint   clang-format
#   gate   valgrind, with which `make perf-gate` counts instructions
#   monitoring   Prometheus, whose promtool tests metrics and alert rules; Debian starts its server, too
#   fuzz   clang and its libFuzzer, for `make fuzz`
#   coverage   gcovr, for `make coverage`
#   package    debhelper, lintian and man, for `make deb` and its test
#   mpi    OpenMPI, for `make MPI=1` and its test
#   torch  libtorch: LIBTORCH=/path, else .deps/torch, else an installed Python's torch, else the pinned wheels
#   python what it takes to use that torch from Python, for tools/setup/torch-python, COCO's and Prometheus's readers and
#          Pillow: 35 MB
#   peers  of python, with what bench-peers compares with: 97 MB more
#   networks   of python, with torchvision, segmentation-models-pytorch, timm, MONAI, nnU-Net's architectures and onnx: 25 MB
#          more
#   clients    Triton's client and perf_analyzer, for tools/setup/client-python and tools/setup/perf-analyzer: 25 MB
#   tritonserver  NVIDIA's tritonserver, which bench-triton compares with: 55 MB
#   deployment kubernetes-validate, KServe's models and hadolint, for the tests of manifests and of packaging/docker: 37 MB
#   onnx   ONNX Runtime, which runs users' .onnx files, and for its tests the onnx module: 28 MB and 27 MB
#
# The knobs are environment variables: OFFLINE=1 never downloads and says what is missing, YES=1 answers the question,
# LIBTORCH=/path, PYTHON=python3, PYTHON_TORCH=no passes over an installed Python's torch. pip's and apt's own settings
# (indexes, proxies, certificates) are theirs. Wheels are kept in ${XDG_CACHE_HOME:-~/.cache}/batchtune, which clones share;
# they are unpacked aside and renamed into place, so a run that dies leaves nothing half done.
set -euo pipefail
export LC_ALL=C # what other programs print is read here: in English, and numbers with a dot
cd "$(dirname "$0")/../.."
. tools/setup/say.sh
. tools/setup/packages.sh
. tools/setup/libtorch.sh
. tools/setup/python.sh
. tools/setup/clients.sh
. tools/setup/deployment.sh
. tools/setup/onnx.sh

main() {
    local quiet='' parts=''
    while [ $# -gt 0 ]; do
        case $1 in
        --quiet) quiet=yes ;;
        core | gpu | lint | gate | monitoring | fuzz | coverage | package | mpi | torch) parts="$parts $1" ;;
        python | peers | networks) parts="$parts torch $1" ;;
        clients | tritonserver | deployment | onnx) parts="$parts $1" ;;
        *) fail 2 "'$1' is no part; the parts are core, gpu, lint, gate, monitoring, fuzz, coverage, package, mpi, torch, python, peers, networks, clients, tritonserver, deployment and onnx" ;;
        esac
        shift
    done
    parts=${parts:-core lint torch}
    umask 022
    mkdir -p .deps
    plan "$parts"
    if nothing_to_do; then
        [ -n "$quiet" ] || say "everything is there ($(describe "$parts"))"
        write_stamps "$parts"
        return
    fi
    wait_for_lock .deps/lock 8
    plan "$parts" # another run may have done it meanwhile
    if ! nothing_to_do; then
        ! is_offline || refuse_offline
        show_plan
        check_installer
        check_disk
        ask
        install_packages
        install_wheels
    fi
    write_stamps "$parts"
    say "done ($(describe "$parts"))"
}

# Fills packages_missing, wheels_missing (to download) and trees_missing (to unpack) without changing anything.
plan() {
    packages_missing='' wheels_missing='' trees_missing='' torch_home='' torch_origin='' torch_version='' torch_python=''
    local part
    for part in $1; do
        case $part in
        torch) plan_torch ;;
        python | peers | networks) plan_python "$part" ;;
        clients | tritonserver) plan_clients "$part" ;;
        deployment | onnx) "plan_$part" ;;
        *) plan_packages "$part" ;;
        esac
    done
}

nothing_to_do() {
    [ -z "$packages_missing$wheels_missing$trees_missing" ]
}

describe() {
    case " $1 " in
    *' torch '*) echo "libtorch $torch_version, $torch_origin: $torch_home" ;;
    *) echo "packages:$1" ;;
    esac
}

# One line for each thing that would have to be downloaded; what the cache already holds may still be unpacked.
refuse_offline() {
    [ -n "$packages_missing$wheels_missing" ] || return 0
    local thing
    for thing in $packages_missing; do
        warn "OFFLINE=1 and the Debian package $thing is missing: apt-get install $thing"
    done
    for thing in $wheels_missing; do
        warn "OFFLINE=1 and the wheel $(wheel_field "$thing" file) is missing: put it into $cache, or give LIBTORCH=/path"
    done
    exit 1
}

show_plan() {
    local wheel
    [ -z "$packages_missing" ] || say "will install Debian packages (at most 150 MB to download, 0.6 GB on disk):$packages_missing"
    for wheel in $wheels_missing; do
        say "will download $(wheel_field "$wheel" name) $(wheel_field "$wheel" version)," \
            "$(megabytes "$(wheel_field "$wheel" bytes)"), to $cache"
    done
    [ -z "$wheels_missing" ] || say "in all $(megabytes "$(sum bytes $wheels_missing)") to download"
    [ -z "$trees_missing" ] || say "will unpack $(megabytes "$(sum unpacked_bytes $(wheels_of $trees_missing))")" \
        "into $PWD/.deps"
}

# Checks each file system that will grow; two folders on one file system count together.
check_disk() {
    local packages_bytes=0
    [ -z "$packages_missing" ] || packages_bytes=750000000
    {
        filesystem_of "$cache" "$(sum bytes $wheels_missing)"
        filesystem_of "$PWD/.deps" "$(sum unpacked_bytes $(wheels_of $trees_missing))"
        filesystem_of /usr "$packages_bytes"
    } | awk '{ need[$1] += $4; free[$1] = $2; at[$1] = $3 }
        END { for (device in need) if (need[device] > free[device]) {
            printf "the file system at %s has %d MB free and %d MB are needed\n", at[device], free[device] / 1e6,
                need[device] / 1e6
            exit 1 } }' >.deps/disk.tmp || fail 1 "$(cat .deps/disk.tmp): make room, or set XDG_CACHE_HOME elsewhere"
    rm -f .deps/disk.tmp
}

# device, free bytes, folder, bytes needed: of the nearest folder above $1 that exists.
filesystem_of() {
    local folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pk "$folder" | awk -v need="$2" 'NR == 2 { printf "%s %.0f %s %.0f\n", $1, $4 * 1024, $6, need }'
}

# Root and unattended runs go on; a person is asked.
ask() {
    if [ -n "${YES:-}" ] || [ "$(id -u)" = 0 ] || [ ! -t 0 ]; then return; fi
    local answer=''
    printf 'deps: go on? [Y/n] '
    read -r answer || true
    case $answer in
    '' | y | Y | yes) ;;
    *) fail 1 "nothing was changed; LIBTORCH=/path uses a libtorch of your own, 'make core' needs none" ;;
    esac
}

# The makefile's marks. The torch stamp's time moves only when another libtorch is chosen: what links it depends on it.
write_stamps() {
    local part text
    for part in $1; do
        text=$part
        case $part in
        python | peers)
            write_python
            continue
            ;;
        networks)
            write_python
            [ "$(cat .deps/networks.stamp 2>/dev/null)" = networks ] || echo networks >.deps/networks.stamp
            continue
            ;;
        clients | tritonserver | deployment | onnx)
            "write_$part"
            continue
            ;;
        esac
        if [ "$part" = torch ]; then
            text="$torch_version $torch_origin $torch_home"
            [ "$(cat .deps/torch.stamp 2>/dev/null)" != "$text" ] || continue
        fi
        echo "$text" >".deps/$part.stamp"
    done
}

main "$@"
