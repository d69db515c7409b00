# What is recorded of a GPU, on machines whose libcuda, NVML and kernel files are there or not: made-up libraries in the
# real ones' place.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
[ ! -e /proc/driver/nvidia ] && [ ! -e /sys/module/nvidia ] || skip_all 'there is a driver here, which answers first'
# A sanitizer's runtime has to come before any library that is loaded.
! ldd "$bin/optimize-batch" | grep -q 'lib[at]san' || skip_all 'made-up libraries are not for sanitizers'
cd "$scratch" || exit 1

cat >cuda.c <<'C'
#include <stddef.h>
#include <string.h>
int cuInit(unsigned flags) { return (int)flags; }
int cuDriverGetVersion(int *version) { return *version = 13020, 0; }
int cuDeviceGetCount(int *count) { return *count = 2, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, 0; }
int cuDeviceGetName(char *out, int size, int device) {
    strncpy(out, device ? "NVIDIA H100 NVL" : "NVIDIA H100 80GB HBM3", (size_t)size);
    return 0;
}
int cuDeviceGetPCIBusId(char *out, int size, int device) {
    strncpy(out, device ? "0000:0a:00.0" : "0000:06:00.0", (size_t)size);
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) { return *value = attribute == 75 ? 9 : 0, device * 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = device ? 100000000000u : 85017493504u, 0; }
C
cat >nvml.c <<'C'
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **device) { return *device = (void *)id, 0; }
int nvmlDeviceGetUtilizationRates(void *device, unsigned *out) { return out[0] = out[1] = 50, !device; }
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *out) { return out[0] = out[1] = out[2] = 1, !device; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { return strncpy(out, "590.44.01", size), 0; }
C
mkdir lib
build_library() { "${CC:-gcc}" -shared -fPIC -w -o "$1" "$2"; }
build_library lib/libcuda.so.1 cuda.c || skip_all 'no compiler here'

simulated=sim:tau0_ms=1,alpha_ms=1,noise=0
tune() {
    rm -rf results c.json
    run env LD_LIBRARY_PATH="$1" "$bin/optimize-batch" --quiet --models hrnet --backend $simulated --batches 1 --output c.json
}
facts() { echo "$(json c.json machine.gpu), $(json c.json machine.gpu_memory_bytes), $(json c.json subject.gpu_driver)"; }

tune ''
exits 0 'a model is tuned without a GPU'
is "$(facts)" ', 0, ' 'of which nothing is recorded'
bare=$(json c.json machine.fingerprint)

tune lib
is "$(facts)" 'NVIDIA H100 80GB HBM3, 85017493504, CUDA 13.2' 'what libcuda knows is recorded, without NVML and kernel files'
[ "$(json c.json machine.fingerprint)" != "$bare" ]
ok $? 'the model counts in the fingerprint'
run env LD_LIBRARY_PATH=lib "$bin/show-batch-config" --config c.json
unlike "$out" 'GPU: ' 'a look at the config finds the same GPU here'
run "$bin/show-batch-config" --config c.json
says 'GPU: NVIDIA H100 80GB HBM3, here none' 'and misses it where there is none'
run env LD_LIBRARY_PATH=lib "$bin/test-production" --quiet --config c.json --backend $simulated --scenarios single --duration 1s --lengthen 1
is "$(json "$(ls -dt results/*-test/ | head -n 1)record.json" subject.gpu_driver)" 'CUDA 13.2' 'a load test records it'
is "$(json "$(ls -dt results/*-test/ | head -n 1)record.json" machine.gpu_memory_bytes)" 85017493504 'and the memory'

mv lib/libcuda.so.1 lib/libcuda.so.580.65.06
ln -s libcuda.so.580.65.06 lib/libcuda.so.1
tune lib
is "$(facts)" 'NVIDIA H100 80GB HBM3, 85017493504, 580.65.06' "libcuda's own file says the driver's version"

for name in libnvidia-ml.so.580.65.06 libnvidia-ml.so libnvidia-ml.so.1; do
    build_library lib/$name nvml.c
    tune lib
    is "$(facts)" 'NVIDIA H100 80GB HBM3, 85017493504, 590.44.01' "NVML says it, as $name"
    mkdir -p apart
    mv lib/$name apart/
    tune lib:apart
    case $name in
    *.580*) is "$(json c.json subject.gpu_driver)" 580.65.06 'but not under a name that nobody would look for elsewhere' ;;
    *) is "$(json c.json subject.gpu_driver)" 590.44.01 'wherever it lies' ;;
    esac
    rm -r apart
done
done_testing
