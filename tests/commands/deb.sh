#!/usr/bin/env bash
# The Debian packages: lintian has nothing to say, and what is in them works where they lie, with nothing of this tree.
. tests/lib/tap.sh
command -v dh >/dev/null && command -v lintian >/dev/null || skip_all 'debhelper or lintian is missing: make deps-package'
[ -z "${O#build}" ] || skip_all 'packages are not made of a build with a sanitizer'
export DEBFULLNAME='A Builder' DEBEMAIL=builder@example.org RUN_TIMEOUT_S=600
version=$(cat VERSION)

run make --no-print-directory deb
exits 0 'the packages are built'
is "$(cd build/deb && LC_ALL=C && echo *.deb)" "batchtune_${version}_amd64.deb libbatchtune-dev_${version}_amd64.deb \
libbatchtune0_${version}_amd64.deb python3-batchtune_${version}_amd64.deb" 'four of them'
run lintian --fail-on error,warning --allow-root build/deb/*.deb
exits 0 'lintian finds no error and gives no warning'
is "$(dpkg-deb -f "build/deb/batchtune_${version}_amd64.deb" Maintainer)" 'A Builder <builder@example.org>' 'who built them is told'
like "$(dpkg-deb -f "build/deb/libbatchtune0_${version}_amd64.deb" Depends)" libdnnl2 'the library brings oneDNN, which it loads by name'

root=$scratch/root
for package in build/deb/*.deb; do dpkg-deb -x "$package" "$root"; done
libraries=$root/usr/lib/$(gcc -print-multiarch)
is "$(find "$root" -name '*torch*')" '' 'nothing of libtorch is in them'
unlike "$(grep -rlF "$PWD" "$root")" . 'nor the path of the tree'
config=$scratch/config.json
run "$root/usr/bin/optimize-batch" --quiet --models hrnet --backend sim:tau0_ms=0.2,alpha_ms=0.05 --batches 1 --time-budget 1s \
    --output "$config" --results "$scratch/results" --plots "$scratch/plots"
exits 0 'an installed optimize-batch finds its helper and tunes'
run "$root/usr/bin/segment-image" --image tests/images/gray-8.png --config "$config" --output "$scratch/polygons.json"
exits 0 'segment-image finds OpenCV'\''s part in a folder of its own'

export PKG_CONFIG_PATH=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root BATCHTUNE_CONFIG=$config
run ${CC:-gcc} -std=c17 tests/example/serve-one.c $(pkg-config --cflags --libs batchtune) -o "$scratch/serve-one"
exits 0 'a program compiles against the -dev package'
export LD_LIBRARY_PATH=$libraries
run "$scratch/serve-one" hrnet
says '^production_optimized' 'and is served'
if find_python; then
    run env -u BATCHTUNE_LIBRARY PYTHONPATH="$root/usr/lib/python3/dist-packages" "$python" -c '
import numpy, batchtune
probabilities = numpy.array([[0, 1], [1, 1]], numpy.float32)
print(batchtune.find_polygons(probabilities, min_area_px=1)[0]["area"], batchtune._load()._name)'
    says '^3.0 libbatchtune.so.0' 'the Python module finds the library where the system does'
else
    skip 'no Python here has numpy'
fi
done_testing
