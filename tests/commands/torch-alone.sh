# libtorch must load from what `make deps` fetched, on a machine without a CUDA toolkit. This machine may have one, so
# the dynamic loader is told to leave its cache, where a toolkit would be found, out of account.
. tests/lib/tap.sh
loader=/lib64/ld-linux-x86-64.so.2
[ -x "$loader" ] || skip_all 'not an x86_64 glibc machine'
plan 5

alone() {
    run env -i BATCHTUNE_SHIM="$PWD/build/lib/libbatchtune_torch.so" "$loader" --inhibit-cache \
        --library-path /lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu "$@"
}

libtorch=$(cut -d ' ' -f 3- .deps/torch.stamp)
alone --list "$libtorch/lib/libtorch_cpu.so"
exits 0 'the loader can tell what libtorch_cpu.so links'
unlike "$out" 'not found' 'and finds all of it'
unlike "$out" '/usr/local/cuda' 'none of it in a CUDA toolkit'

alone build/tests/model-forward --model cbam_resunet --shape 1,3,32,32 --output "$scratch/logits.f32"
exits 0 'a network runs'
is "$(stat -c %s "$scratch/logits.f32" 2>/dev/null)" 4096 'and gives a logit for each pixel'
