#!/usr/bin/env bash
# Installed programs and libtorch: it is said where it is looked for; a copy beside them serves where this tree is gone; where
# it is missing, one line says so and what helps.
. tests/lib/tap.sh
[ -e build/lib/libbatchtune_torch.so ] || skip_all 'the libtorch shim is not built'
installs() { run env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory install O="$O" PREFIX="$scratch/$1" "${@:2}"; }
libtorch=$(cut -d ' ' -f 3- .deps/torch.stamp)
# A copy of a gigabyte is a link where both lie on one file system.
copy='cp -RL'
! cp -lL "$libtorch/lib/libc10.so" "$scratch/linked" 2>/dev/null || copy='cp -RLl'
# once PREFIX: one image through libtorch, by the program installed there, from another folder.
once() {
    cd "$scratch" || exit 1
    run "${@:2}" "$scratch/$1/bin/gate-probe" '{"core": false, "models": ["hrnet"], "batches": [1], "image_size": 32, "samples": 1}'
    cd "$OLDPWD" || exit 1
}

installs plain
exits 0 'it installs'
says "^libtorch stays where it is \\($libtorch/lib\\).*WITH_LIBTORCH=1.* [0-9.]+[MG]$" \
    'where libtorch is looked for is said, how it is copied, and how large that is'
[ ! -e "$scratch/plain/lib/batchtune" ]
ok $? 'and nothing is copied unasked'

installs whole WITH_LIBTORCH=1 COPY="$copy"
exits 0 'it installs with libtorch'
says "^libtorch is copied to $scratch/whole/lib/batchtune: [0-9.]+[MG]$" 'and says how much that is'
mv "$scratch/whole" "$scratch/moved"
unlike "$(ldd "$scratch/moved/lib/libbatchtune_torch.so" "$scratch/moved/lib/libbatchtune_torch_name.so")" \
    "=> ($PWD|$libtorch|/[^ ]*/\\.deps/)|not found" 'the shim needs nothing of this tree, wherever it is moved'
once moved
exits 0 'and runs from another folder'
says '"hrnet/batch-1"' 'an image through libtorch'

rm -rf "$scratch/moved/lib/batchtune"
once moved env -u LIBTORCH
is "$status $(printf '%s\n' "$err" | wc -l)" '2 1' 'where libtorch is gone one line says so'
like "$err" 'libtorch not found.*WITH_LIBTORCH=1.*LIBTORCH=/path/to/libtorch.*lib(torch_cpu|c10)\.so' 'with what is missing and what helps'
once moved env LIBTORCH="$libtorch"
exits 0 'and LIBTORCH helps'
run env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory uninstall PREFIX="$scratch/plain" O="$O"
is "$(find "$scratch/plain" -type f | head -n 1)" '' 'nothing is left when it is uninstalled'
done_testing
