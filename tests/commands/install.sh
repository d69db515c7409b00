#!/usr/bin/env bash
# What `make install` puts there serves a stranger's program: compiled by pkg-config's word alone, against the shared and
# the static library, as C and as C++; and the library shows what its header declares and nothing else.
. tests/lib/tap.sh
prefix=$scratch/prefix
config=$scratch/config.json
cat >"$config" <<END
{ "schema_version": 1, "settings": { "backend": "sim:tau0_ms=1,alpha_ms=1" },
  "configurations": { "hrnet": { "optimal_batch_size": 2, "image_size": 64 } } }
END

run make --no-print-directory install PREFIX="$prefix" O="$O"
exits 0 'it installs'
is "$(ls "$prefix/share/man/man1" | sed 's/\.1$//')" "$(ls "$prefix/bin")" 'with a manual page for each program'
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig BATCHTUNE_CONFIG=$config

flags=$(pkg-config --cflags --libs batchtune)
run ${CC:-gcc} -std=c17 -Wall -Wextra -Werror tests/example/serve-one.c $flags -o "$scratch/shared"
exits 0 'the example compiles against the shared library'
run env LD_LIBRARY_PATH="$prefix/lib" "$scratch/shared" hrnet
exits 0 'and runs'
says '^production_optimized, batch of 1' 'and is served'
says '^1 answered' 'and sees the metrics'

run ${CC:-gcc} -std=c17 tests/example/serve-one.c $(pkg-config --cflags batchtune) "$prefix/lib/libbatchtune.a" \
    $(pkg-config --static --libs-only-l batchtune | sed 's/-lbatchtune//') -pthread -o "$scratch/static"
exits 0 'it compiles against the static library'
run "$scratch/static" hrnet
exits 0 'and runs'
run ${CXX:-g++} -x c++ -Wall -Wextra -Werror tests/example/serve-one.c -x none $flags -o "$scratch/plus"
exits 0 'it compiles as C++'

cat >"$scratch/polygons.c" <<END
#include <batchtune.h>
#include <stdio.h>
int main(void) {
    const float probabilities[4] = {0, 1, 1, 1};
    bt_polygons *polygons;
    bt_error error;
    if (bt_polygons_find(&polygons, probabilities, 2, 2, 0.5f, 1, &error) != BT_OK) return puts(error.message);
    printf("%d polygon of %g pixels\n", polygons->count, polygons->items[0].area_px);
    bt_polygons_close(&polygons);
    return 0;
}
END
run ${CC:-gcc} -std=c17 "$scratch/polygons.c" $flags -o "$scratch/polygons"
run env LD_LIBRARY_PATH="$prefix/lib" "$scratch/polygons"
says '^1 polygon of 3 pixels' 'polygons are found with what was installed beside the library'

shown=$(nm -D --defined-only "$prefix/lib/libbatchtune.so" | awk '$2 == "T" { print $3 }' | sort)
declared=$(grep -o 'BT_API [^;]*(' -h src/batchtune.h src/batchtune-polygons.h | grep -o 'bt_[a-z_]*(' | tr -d '(' | grep -v bt_status$ | sort -u)
is "$shown" "$declared" 'the shared library shows what the header declares, and nothing else'

if find_python; then
    run env -u BATCHTUNE_LIBRARY PYTHONPATH="$prefix/share/batchtune/python" "$python" -c '
import asyncio, numpy, batchtune
async def main():
    service = batchtune.get_production_service()
    await service.start()
    print((await service.infer(numpy.zeros((4, 4, 3), numpy.uint8), "hrnet")).inference_mode, service._library._name)
    await service.stop()
asyncio.run(main())'
    exits 0 'the Python module imports'
    says "^production_optimized $prefix/lib/libbatchtune.so.0" 'and is served by the library beside it'
else
    skip 'no Python here has numpy' 2
fi

# Where the user works, or where told; a program that is started in / strews nothing there.
tune="$prefix/bin/optimize-batch --quiet --models hrnet --backend sim:tau0_ms=0.2,alpha_ms=0.05 --batches 1 --time-budget 1s"
mkdir "$scratch/work"
run env -C "$scratch/work" $tune
exits 0 'an installed program tunes in the folder where one works'
is "$(ls "$scratch/work" | tr '\n' ' ')" 'configs plots results ' 'and leaves everything there'
there=$(ls /)
run env -C / $tune
refuses 'configs would be made in /.*--output, --results and --plots' 'started in / it asks where to write'
run env -C / $tune --output "$scratch/work/c.json" --results "$scratch/work/r" --plots "$scratch/work/p"
exits 0 'and writes there'
run env -C / "$prefix/bin/test-production" --config "$scratch/work/c.json" --scenarios single --duration 1s
refuses 'results would be made in /' 'a load test likewise'
is "$(ls /)" "$there" 'nothing is left in /'

cp results/example/record.json "$scratch/work/"
run env -C "$scratch/work" "$prefix/bin/perf-gate" compare record.json record.json
like "$(printf '%s' "$out" | tr -s ' \n' ' ')" 'profile stored' 'the gate finds the rules that were installed with it'

run make --no-print-directory uninstall PREFIX="$prefix" O="$O"
exits 0 'it uninstalls'
is "$(find "$prefix" -type f | head -n 1)" '' 'and leaves no file'
done_testing
