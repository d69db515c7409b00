#!/bin/bash
# The CPU path runs where no CUDA toolkit is installed: libtorch_cpu.so needs two libraries of CUDA's runtime, and must
# find them beside itself. The loader is told to forget what the system knows (its cache, where a toolkit registers
# itself, and LD_LIBRARY_PATH), so that a toolkit on this machine cannot help unseen.
. tests/lib/tap.sh
plan 4
build=${O:-build}
loader=$(readelf -l "$build/tests/model-forward" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
libtorch=$(cut -d ' ' -f 3- .deps/torch.stamp)
trees=$(realpath "$libtorch/../nvidia" "$libtorch" 2>/dev/null)

# The program is not the loader's own, so that the shim has to be named.
run env -u LD_LIBRARY_PATH LD_DEBUG=files LD_DEBUG_OUTPUT="$scratch/loaded" BATCHTUNE_SHIM="$PWD/build/lib/libbatchtune_torch.so" \
    "$loader" --inhibit-cache "$build/tests/model-forward" --model cbam_resunet --shape 1,3,64,64 --output "$scratch/logits.f32"
exits 0 'a forward pass runs with the toolkit hidden'
says 'torch [0-9.]+ .* on cpu' 'on the CPU'
is "$(wc -c <"$scratch/logits.f32")" $((64 * 64 * 4)) 'and every logit is written'

# What was loaded of CUDA, and from where.
strays=$(sed -n 's/.*calling init: //p' "$scratch"/loaded.* | grep -E '/lib(cu|nv)[a-z]*[^/]*\.so' | sort -u | while read -r path; do
    case $(realpath "$path") in
    "${trees%%$'\n'*}"/* | "${trees##*$'\n'}"/*) ;;
    *) echo "$path" ;;
    esac
done)
is "$strays" '' 'CUDA libraries come from beside libtorch alone'
