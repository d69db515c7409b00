# batchtune's one makefile. Knobs, given on the command line (make V=1 SANITIZE=address):
#
#   ARGS="--models hrnet"     passed on to the program behind a target
#   PROFILE=strict-latency    a file of configs/profiles/ (without .json) behind the same programs
#   CC, CXX                   compilers (gcc and g++)
#   OPTIMIZE                  optimisation flags (-O2 -g)
#   SANITIZE                  address, thread: builds into build/<name> with that sanitizer (address brings
#                             undefined); coverage: likewise, counting what is reached
#   LIBTORCH=/path            a libtorch of your own (2.11 or newer) in place of what `make deps` fetches
#   OFFLINE=1                 never download; say what is missing
#   YES=1                     answer `make deps`'s question
#   WITH_LIBTORCH=1           `make install` copies libtorch beside the programs
#   BASE=v1.0                 what `make perf-gate` compares this tree with: any name that git knows (HEAD~1)
#   TESTS="base-canary lint"  what `make test` runs: names of tests/unit/*.c, tests/commands/*.sh; * allowed
#   MPI=1                     also builds what --mpi needs, against an MPI (`make deps-mpi`)
#   V=1                       show every command
#
# `make help` lists the targets; it is made from the ## comments below.

# Every rule is told here; a search for built-in ones takes a second.
MAKEFLAGS += --no-builtin-rules

VERSION  := $(shell cat VERSION)
CC        = gcc
CXX       = g++
# Under a sanitizer, half the time of compiling: its messages need lines, and no more. What tests simulate for long is
# compiled as ever; so are kernels, but under AddressSanitizer, where that takes four times as long.
OPTIMIZE  = $(if $(filter address thread,$(SANITIZE)),-O1 -g1,-O2 -g)
SANITIZE  =
MPI       =
V         =
Q        := $(if $(V),,@)

, := ,
O := build$(if $(SANITIZE),/$(SANITIZE))
# Under a sanitizer gcc no longer sees that what a loop fills is filled (its manual says so).
SANITIZE_FLAGS := $(if $(filter address thread,$(SANITIZE)),-Wno-maybe-uninitialized) \
                  $(if $(filter address,$(SANITIZE)),-fsanitize=address$(,)undefined \
                      -fno-sanitize-recover=all) \
                  $(if $(filter thread,$(SANITIZE)),-fsanitize=thread) \
                  $(if $(filter coverage,$(SANITIZE)),--coverage)

WARNINGS  := -Wall -Wextra -Wshadow -Wpointer-arith -Wvla -Wformat=2 -Wmissing-declarations
CPPFLAGS  := -Isrc -D_GNU_SOURCE
ALL_CFLAGS = -std=c17 $(OPTIMIZE) $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes \
             -fvisibility=hidden -fPIC -ffile-prefix-map=$(CURDIR)/= -pthread -MMD -MP $(SANITIZE_FLAGS) \
             $(CFLAGS)
# What is compiled needs this part of `make deps`: core, or the smaller gpu.
CORE      := core
# A jansson carried along, for machines where nothing can be installed.
ifneq ($(wildcard .deps/jansson/include),)
CPPFLAGS  += -I.deps/jansson/include
LDFLAGS   += -L.deps/jansson/lib -Wl,-rpath,$(CURDIR)/.deps/jansson/lib
endif
LDLIBS    := -ljansson -ldl -lm -pthread -lgomp
# Image files and checkpoints are read with libraries that a GPU's check does without.
ifeq ($(CORE),gpu)
CPPFLAGS  += -DBT_WITHOUT_FILE_LIBRARIES
else
LDLIBS    += -lspng -ljpeg -ltiff -lexpat -lz -lzip
# Only programs that send requests to servers have it.
LDLIBS    += -Wl,--push-state,--as-needed -lcurl -Wl,--pop-state
endif

LIBRARY := $(O)/lib/libbatchtune.a
SHARED  := $(O)/lib/libbatchtune.so.0
CONTOURS := $(if $(filter core,$(CORE)),build/lib/libbatchtune_contours.so)
TRITON   := $(if $(filter core,$(CORE)),$(O)/lib/libtriton_batchtune.so)
MPI_SHIM := $(if $(filter-out 0,$(MPI)),build/lib/libbatchtune_mpi.so)
# A GPU's check has no HTTP either.
SOURCES := $(filter-out $(if $(filter gpu,$(CORE)),src/http/%),$(wildcard src/*/*.c))
OBJECTS := $(SOURCES:%.c=$(O)/%.o)
# What only this project's own programs have: a program that loads the library need not have what this needs.
PROGRAMS_ONLY := $(foreach folder,ranks http client load prove tune gate explain export report,$\
                   $(filter $(O)/src/$(folder)/%,$(OBJECTS)))
TOOLS   := $(patsubst tools/%.c,$(O)/bin/%,$(wildcard tools/*.c))
# Fault tests' calls of malloc, open, write, ... go through tests/lib/fault-calls.c.
FAULT_SUPPORT := $(patsubst %,$(O)/tests/lib/%.o,faults fault-calls fault-documents)
FAULT_CALLS   := malloc calloc realloc aligned_alloc strdup strndup open_memstream fmemopen mmap open fopen \
                 fdopen opendir socketpair read pread recv write pwrite send fsync fdatasync rename close \
                 fclose mkdir ftruncate flock fork pthread_create
FAULTS        := $(FAULT_CALLS:%=-Wl,--wrap=%)
# Neither is in a test: one is put into whole programs, one is loaded before them.
LOADED_ALONE  := $(patsubst %,$(O)/tests/lib/%.o,fault-environment preload-locale)
TEST_SUPPORT  := $(filter-out $(FAULT_SUPPORT) $(LOADED_ALONE),$\
                     $(patsubst %.c,$(O)/%.o,$(wildcard tests/lib/*.c)))
FAULTY       := $(patsubst %,$(O)/faulty/%,optimize-batch test-production probe-worker)
# What benches share with tests: without the test framework.
BENCH_SUPPORT := $(patsubst %,$(O)/tests/lib/%.o,live-service inputs golden-cases compare checkpoint-file \
                     simulated-gate spread multiply-adds peaks device-case made-up-machine \
                     made-up-family search-study device-kernels clairvoyant http-abuse placing-family)
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/*.c))
MANUALS      := $(TOOLS:$(O)/bin/%=$(O)/man/%.1)
BENCHES      := $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/*.c))
TEST_PROGRAMS := $(patsubst tests/programs/%.c,$(O)/tests/%,$(wildcard tests/programs/*.c))

# The sanitizers cannot see into libtorch: unit tests that need it are named torch-*, and left out there.
# Those of one thread compute much and have nothing that ThreadSanitizer could find.
ONE_THREAD := simulate-% explain-batching prove-capacity prove-promise tune-capacities tune-forecast tune-heats \
              batching-properties batching-traces record-sweep measure-bootstrap
CORE_TESTS := $(filter-out $(O)/tests/torch-% $(if $(filter thread,$(SANITIZE)),$(ONE_THREAD:%=$(O)/tests/%)),$\
                  $(UNIT_TESTS))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

all: core shim cuda ## build everything into build/

core: $(LIBRARY) $(SHARED) $(CONTOURS) $(TRITON) $(MPI_SHIM) $(TOOLS) $(UNIT_TESTS) $(TEST_PROGRAMS) $(FAULTY) $(BENCHES)

# Objects are built anew when the flags change, not only when a source does.
$(O)/flags: FORCE
	@mkdir -p $(O)
	@echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' >$@

$(O)/%.o: %.c $(O)/flags | .deps/$(CORE).stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(OWN_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# Kernels: the compiler's vectors, each version with its instructions; multiplying and adding in one rounding.
KERNEL_FLAGS                        = $(if $(filter address,$(SANITIZE)),-O1,-O3) -ffp-contract=fast -fno-math-errno -fopenmp
$(O)/src/kernels/%.o: ALL_CFLAGS   += $(KERNEL_FLAGS)
IMAGE_KERNELS                       = $(patsubst %,$(O)/src/image/%.o,resize labels enlarge normalize tensor value-scale)
$(IMAGE_KERNELS) $(O)/src/networks/class-maps.o: ALL_CFLAGS += $(KERNEL_FLAGS) -fno-trapping-math
$(O)/src/plan/%.o $(O)/tests/bench/checkkernels.o: ALL_CFLAGS += -fopenmp
# Not for what these are made of: the file of flags is everybody's.
$(foreach part,simulate batching measure,$(O)/src/$(part)/%.o): private OPTIMIZE = -O2 -g
$(O)/src/plan/byte-weights.o: ALL_CFLAGS += -fno-math-errno
AVX512                              = -mavx512f -mavx512bw -mavx512dq -mavx512vl
$(O)/src/kernels/level-avx2.o:        ALL_CFLAGS += -mavx2 -mfma
$(O)/src/kernels/level-avx512.o:      ALL_CFLAGS += $(AVX512) -mfma
$(O)/src/kernels/level-avx512-bf16.o: ALL_CFLAGS += $(AVX512) -mavx512bf16 -mfma

# The version and revision live in one object: a commit rebuilds that, not everything.
# BATCHTUNE_REVISION, a variable of the environment, says it where there is no git.
REVISION := $(or $(BATCHTUNE_REVISION),$(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)$\
            $(shell git diff --quiet HEAD 2>/dev/null || echo +))
$(O)/revision: FORCE
	@mkdir -p $(O)
	@echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' >$@
$(O)/src/base/version.o: OWN_CPPFLAGS = -DBT_VERSION='"$(VERSION)"' -DBT_REVISION='"$(REVISION)"'
$(O)/src/base/version.o: $(O)/revision

# The assembler copies these files into the object.
$(O)/src/networks/demo.o: src/networks/demo/hrnet.f16 src/networks/demo/cbam_resunet.f16
$(O)/src/networks/network.o: configs/networks/unet_bn.list
$(O)/src/http/page.o: $(wildcard src/http/page/*)

$(foreach folder,lib unit programs bench,$(O)/tests/$(folder)/%.o): OWN_CPPFLAGS = -Itests/lib

$(LIBRARY): $(OBJECTS)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@ && ar rcs $@ $^

# Only what batchtune.h declares is seen from outside.
$(SHARED): $(filter-out $(PROGRAMS_ONLY),$(OBJECTS))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) -shared $(ALL_CFLAGS) -Wl,-soname,$(@F) -o $@ $^ $(LDFLAGS) $(LDLIBS)
	$(Q)ln -sf $(@F) $(O)/lib/libbatchtune.so

# A backend of NVIDIA's Triton, which calls it and has what it calls; everything else is inside.
$(TRITON): $(O)/shim/triton/backend.o $(LIBRARY)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) -shared $(ALL_CFLAGS) -Wl,-soname,$(@F) -Wl,--exclude-libs,ALL -Wl,--gc-sections -o $@ $^ $(LDFLAGS) \
	    -Wl,--as-needed $(LDLIBS)

define link
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o %.a,$^) $(LDFLAGS) $(LDLIBS) $(1)
endef

$(O)/bench/%: $(O)/tests/bench/%.o $(BENCH_SUPPORT) $(LIBRARY)
	$(call link)

$(O)/bin/%: $(O)/tools/%.o $(LIBRARY)
	$(call link)

$(O)/bin/serve-production $(O)/bench/bench-http $(O)/bench/abuse-http \
$(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/http-*.c)): \
    LDLIBS += -lmicrohttpd

# A static pattern: make would take the rule below, which wants fewer files, where one of these was never built.
$(filter $(O)/tests/faults-%,$(UNIT_TESTS)): \
        $(O)/tests/faults-%: $(O)/tests/unit/faults-%.o $(FAULT_SUPPORT) $(TEST_SUPPORT) $(LIBRARY)
	$(call link,-lcmocka $(FAULTS))

# A GPU's kernels on this CPU, for tests: shim/cuda's sources against tests/lib/cuda-on-cpu's headers. A read at
# an address that a device would refuse traps. norm.cu and probe.cu are nvcc's alone.
ON_CPU          := $(patsubst %,$(O)/on-cpu/%.o,$(wildcard tests/lib/cuda-on-cpu/*.cpp) \
                       $(filter-out %/norm.cu %/probe.cu,$(wildcard shim/cuda/*.cu)))
ON_CPU_CXXFLAGS  = -std=c++20 $(subst -O1,-O2,$(OPTIMIZE)) -Wall -Wextra -Wno-unknown-pragmas -Wno-maybe-uninitialized \
                   -ffile-prefix-map=$(CURDIR)/= -MMD -MP -Itests/lib/cuda-on-cpu -Isrc -Ishim $(SANITIZE_FLAGS) \
                   $(if $(SANITIZE),,-fsanitize=alignment$(,)bounds -fsanitize-undefined-trap-on-error) \
                   $(CXXFLAGS)

$(ON_CPU): $(O)/on-cpu/%.o: % $(O)/flags | .deps/$(CORE).stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX   $<")
	$(Q)$(CXX) $(ON_CPU_CXXFLAGS) -x c++ -c -o $@ $<

$(filter $(O)/tests/cuda-%,$(UNIT_TESTS)): \
        $(O)/tests/cuda-%: $(O)/tests/unit/cuda-%.o $(ON_CPU) $(TEST_SUPPORT) $(LIBRARY)
	$(call link,-lcmocka -lstdc++)

$(O)/tests/%: $(O)/tests/unit/%.o $(TEST_SUPPORT) $(LIBRARY)
	$(call link,-lcmocka)

$(O)/tests/%: $(O)/tests/programs/%.o $(O)/tests/lib/program-options.o $(BENCH_SUPPORT) $(LIBRARY)
	$(call link)

$(O)/tests/preload-locale.so: $(O)/tests/lib/preload-locale.o
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) -shared $(ALL_CFLAGS) -o $@ $<

# Programs whose calls fail as the environment says, for tests/commands/faults-*.sh.
PLANTED_FAULTS := $(patsubst %,$(O)/tests/lib/%.o,fault-calls fault-environment)
$(FAULTY): $(O)/faulty/%: $(O)/tools/%.o $(PLANTED_FAULTS) $(LIBRARY)
	$(call link,$(FAULTS))

# A library that is loaded late has its thread-local memory from a place that AddressSanitizer's search for
# leaks misjudges.
ifeq ($(SANITIZE),address)
LOAD_ONEDNN := $(addprefix plan-,golden quiet byte-weights int8) backend-calibrate backend-precision \
               serving-int8 gate-gauge tune-masks
$(LOAD_ONEDNN:%=$(O)/tests/%): LDLIBS += -Wl,--no-as-needed -l:libdnnl.so.2
endif

# This test starts the program.
$(O)/tests/tune-probe: | $(O)/bin/probe-worker

# The commands. A target is the program of that name with ARGS; it builds what that runs and nothing else,
# with all cores unless -j says how many. The build is a make of its own, so that targets run one by one, in
# the order given, and only set-up, which may ask something, comes before it.
JOBS  = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(or $(shell nproc 2>/dev/null),2)) --output-sync=target
# build FILES: also in front of a line that runs them.
build = @+$(MAKE) --no-print-directory $(JOBS) built NEEDS='$(strip $(1))'
NEEDS =
built: $(NEEDS)
	@:

PROFILE =
ARGS    =
RUN     = $(O)/bin/$@ $(if $(PROFILE),--profile $(PROFILE)) $(ARGS)
# Empty where ARGS name a backend that does without libtorch.
TORCH   = $(if $(findstring sim:,$(ARGS))$(findstring --backend plan,$(ARGS))$\
              $(findstring --backend=plan,$(ARGS)),,shim cuda)
SET_UP  = .deps/$(CORE).stamp $(if $(TORCH),.deps/torch.stamp)

optimize-batch: $(SET_UP) ## tune both networks on this machine, write the config
	$(call build,$(O)/bin/$@ $(O)/bin/probe-worker $(if $(findstring --export-triton,$(ARGS)),$(TRITON)) $(MPI_SHIM) \
	    $(TORCH))
	$(Q)$(RUN)

# Whoever only looks must not be made to download.
show-batch-config: export OFFLINE = 1
show-batch-config: .deps/$(CORE).stamp ## print the config, what it was measured on, whether it fits this \
    machine
	$(call build,$(O)/bin/$@)
	$(Q)$(O)/bin/$@ $(ARGS)

explain-batching: export OFFLINE = 1
explain-batching: .deps/$(CORE).stamp ## why batching pays here or does not, in milliseconds, and what would \
    change it (ARGS="results/RUN/record.json")
	$(call build,$(O)/bin/$@)
	$(Q)$(O)/bin/$@ $(ARGS)

test-production: $(SET_UP) ## prove the config under single, burst, sustained and mixed load
	$(call build,$(O)/bin/$@ $(MPI_SHIM) $(TORCH))
	$(Q)$(O)/bin/$@ $(ARGS)

serve-production: $(SET_UP) ## the tuned models over HTTP, for Triton's clients and Prometheus \
    (ARGS="--port 8000 --models hrnet")
	$(call build,$(O)/bin/$@ $(CONTOURS) $(TORCH))
	$(Q)$(O)/bin/$@ $(ARGS)

export-triton: .deps/$(CORE).stamp ## the config as a model repository for NVIDIA's Triton, with a backend of its own \
    (ARGS="FOLDER")
	$(call build,$(O)/bin/$@ $(TRITON))
	$(Q)$(O)/bin/$@ $(ARGS)

export-kubernetes: export OFFLINE = 1
export-kubernetes: .deps/$(CORE).stamp ## the config as manifests for Kubernetes and KServe, replicas by simulation \
    (ARGS="--rate 400 FOLDER")
	$(call build,$(O)/bin/$@)
	$(Q)$(O)/bin/$@ $(ARGS)

plan-replicas: export OFFLINE = 1
plan-replicas: .deps/$(CORE).stamp ## how many replicas a rate takes within the promise, and when to scale, by simulation \
    (ARGS="--rate 400")
	$(call build,$(O)/bin/$@)
	$(Q)$(O)/bin/$@ $(ARGS)

bench-export: .deps/$(CORE).stamp ## the same tuned plan here and in Triton by its export: P95 at 60 % of the capacity, in \
    turns (ARGS="ROUNDS SECONDS MODEL"); downloads Triton (55 MB)
	$(call build,$(patsubst %,$(O)/bin/%,optimize-batch export-triton serve-production test-production) $(TRITON))
	@tools/setup/deps.sh tritonserver
	$(Q)O=$(O) tests/export-comparison $(ARGS)

bench-replicas: .deps/$(CORE).stamp ## predicted P95 of 2, 3 and 4 replicas beside that of as many servers, and whether \
    those recommended for a rate hold it, on the simulated backend (ARGS="SECONDS [shares|recommended]")
	$(call build,$(patsubst %,$(O)/bin/%,optimize-batch plan-replicas serve-production test-production))
	$(Q)O=$(O) tests/replica-agreement $(ARGS)

bench-senders: .deps/$(CORE).stamp .deps/mpi.stamp ## how fast one process and two of mpirun send on time, to a target \
    that costs nothing (ARGS="SECONDS" of each run)
	$(call build,$(O)/bench/$@ build/lib/libbatchtune_mpi.so)
	$(Q)for count in 1 2; do mpirun --allow-run-as-root --oversubscribe --bind-to none -n $$count $(O)/bench/$@ $(ARGS); done

segment-image: $(SET_UP) ## pictures to polygons and overlays (ARGS="--image cell.png --overlay seen.png")
	$(call build,$(O)/bin/$@ $(CONTOURS) $(TORCH))
	$(Q)$(O)/bin/$@ $(ARGS)

# The performance gate: this tree against another version, in turns. The networks run small and on one thread:
# it is the code that is compared. ARGS come last, so that they count.
BASE      = HEAD~1
GATE_ARGS = --backend plan --image-size 32 --batches 1,2 --threads 1
GATE      = $(O)/bin/perf-gate $(O)/bin/gate-probe
perf-gate: .deps/$(CORE).stamp ## is this tree slower than BASE (HEAD~1)? builds that one and interleaves both
	$(call build,$(GATE))
	$(Q)O=$(O) tools/setup/perf-gate.sh $(BASE) $(GATE_ARGS) $(ARGS)

perf-gate-selftest: .deps/$(CORE).stamp ## false alarms and misses of the gate itself: simulated, and real \
    runs of one program against itself
	$(call build,$(GATE) $(O)/bench/gate-selftest)
	$(Q)O=$(O) tests/gate-selftest simulated same

CORE_BENCHES = core image weights load simulate service promises
bench: .deps/$(CORE).stamp ## what the core itself costs (prober, histogram, pictures, checkpoints, \
    simulator, service, load generator), and a service's promises live
	$(call build,$(CORE_BENCHES:%=$(O)/bench/bench-%))
	$(Q)for bench in $(CORE_BENCHES); do echo "== bench-$$bench"; $(O)/bench/bench-$$bench || exit 1; done

MINUTES = 30
soak: .deps/$(CORE).stamp ## a service under load and faults for MINUTES=30: memory flat, no request lost, \
    P95 steady
	$(call build,$(O)/bench/bench-soak)
	$(Q)$(O)/bench/bench-soak $(MINUTES)

abuse-http: .deps/$(CORE).stamp ## the HTTP server among a minute of nonsense: no crash, no leak, good clients answered \
    (ARGS="60 100 1500": seconds, connections a second, held at a time)
	$(call build,$(O)/bench/abuse-http)
	$(Q)$(O)/bench/abuse-http $(ARGS)

soak-restarts: .deps/$(CORE).stamp ## serve-production reloaded and restarted under load: no request lost that it had \
    taken (ARGS="1000 4": changes, clients)
	$(call build,$(O)/bin/serve-production $(O)/bin/optimize-batch $(O)/bin/probe-worker)
	$(Q)/usr/bin/python3 tests/python/soak_restarts.py $(O)/bin $(or $(ARGS),1000 4)

study-policies: .deps/$(CORE).stamp ## the batcher's policies against each other and a clairvoyant, on a grid \
    (ARGS="SEED NOISE"), with a plot in plots/
	$(call build,$(O)/bench/$@)
	$(Q)$(O)/bench/$@ plots $(ARGS)

study-search: .deps/$(CORE).stamp ## the search over batch size, precision and instances against measuring all of \
    them, on 200 drawn families of service times and on recorded ones
	$(call build,$(O)/bench/$@)
	$(Q)$(O)/bench/$@

bench-clients: .deps/$(CORE).stamp ## do NVIDIA's perf_analyzer and test-production see the same P95? in turns, at one \
    server (ARGS="ROUNDS RATE")
	$(call build,$(patsubst %,$(O)/bin/%,optimize-batch serve-production test-production))
	@tools/setup/deps.sh clients
	$(Q)O=$(O) tests/client-agreement $(ARGS)

bench-triton: .deps/$(CORE).stamp ## what HTTP costs here and at NVIDIA's Triton, which it downloads (55 MB), in turns \
    (ARGS="ROUNDS CONNECTIONS")
	$(call build,$(O)/bench/bench-http)
	@tools/setup/deps.sh tritonserver
	$(Q)O=$(O) tests/triton-comparison $(ARGS)

bench-kernels: .deps/$(CORE).stamp ## every CPU kernel against its reference, and against a copy of its tensor
	$(call build,$(O)/bench/checkkernels)
	$(Q)$(O)/bench/checkkernels $(ARGS)

bench-http: .deps/$(CORE).stamp ## what HTTP costs around a model that takes no time: requests a second, CPU time, \
    latency (ARGS="share 128": what it adds to HRNet's)
	$(call build,$(O)/bench/$@)
	$(Q)$(O)/bench/$@ $(ARGS)

bench-predictions: .deps/$(CORE).stamp ## predicted P95 beside measured, on the simulated backend \
    (ARGS="--plan CONFIG 3%": a config's models instead; cells as long as P95 takes to be so sure; how long that takes)
	$(call build,$(O)/bench/$@)
	$(Q)$(O)/bench/$@ $(ARGS)

bench-placing: .deps/$(CORE).stamp ## three models placed on eight devices: time, and how much the best of all placements \
    would hold more (ARGS="FAMILIES")
	$(call build,$(O)/bench/$@)
	$(Q)$(O)/bench/$@ $(ARGS)

bench-steps: .deps/$(CORE).stamp ## what each step of a plan takes (ARGS="hrnet 256 1 int8": network, size, batch, \
    precision or cuda:N)
	$(call build,$(O)/bench/$@ $(if $(findstring cuda:,$(ARGS)),cuda))
	$(Q)$(O)/bench/$@ $(ARGS)

bench-onnx: .deps/$(CORE).stamp ## an ONNX file here against ONNX Runtime by its own settings, in turns (ARGS="net.onnx 256 1": \
    file, size, batch, threads)
	$(call build,$(O)/bench/$@)
	@tools/setup/deps.sh --quiet onnx
	$(Q)$(O)/bench/$@ $(ARGS)

bench-networks: .deps/$(CORE).stamp .deps/torch.stamp ## the paths of both networks against each other \
    (ARGS="--models hrnet --image-size 128")
	$(call build,$(O)/bench/$@ shim cuda)
	$(Q)$(O)/bench/$@ $(ARGS)

bench-peers: .deps/$(CORE).stamp .deps/torch.stamp ## the same against torch.compile, OpenVINO and ONNX \
    Runtime, which it downloads with NNCF (152 MB)
	$(call build,$(O)/bench/bench-networks shim cuda)
	@tools/setup/deps.sh peers onnx
	$(Q)tools/setup/torch-python tools/python/peers.py --own $(O)/bench/bench-networks $(ARGS)

# Installing. The shim, where it was built, goes beside the library. Its libtorch stays where it is, unless
# WITH_LIBTORCH=1 puts a copy beside the shim: the installed programs then need nothing of this tree.
PREFIX  = /usr/local
DESTDIR =
TO      = $(DESTDIR)$(PREFIX)
WITH_LIBTORCH =
COPY    = cp -RL
COPIED  = $(filter-out 0,$(WITH_LIBTORCH))
install: .deps/$(CORE).stamp ## install the library, its header, pkg-config file and Python module, and the \
    programs with their manual pages (PREFIX, DESTDIR)
	$(call build,$(LIBRARY) $(SHARED) $(CONTOURS) $(TRITON) $(MPI_SHIM) $(TOOLS) $(MANUALS))
	$(Q)install -d $(TO)/include $(TO)/lib/pkgconfig $(TO)/bin $(TO)/share/man/man1 \
	    $(addprefix $(TO)/share/batchtune/,networks profiles schema python systemd)
	$(Q)install -m 644 src/batchtune.h src/batchtune-polygons.h $(TO)/include/
	$(Q)install -m 644 $(LIBRARY) $(TO)/lib/
	$(Q)install -m 755 $(SHARED) $(TO)/lib/
	$(Q)ln -sf $(notdir $(SHARED)) $(TO)/lib/libbatchtune.so
	$(Q)for part in $(CONTOURS) $(TRITON) $(MPI_SHIM); do install -m 755 $$part $(TO)/lib/; done
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' src/batchtune.pc.in \
	    >$(TO)/lib/pkgconfig/batchtune.pc
	$(Q)install -m 644 shim/python/batchtune.py $(TO)/share/batchtune/python/
	$(Q)install -m 755 $(TOOLS) $(TO)/bin/
	$(Q)install -m 644 $(MANUALS) $(TO)/share/man/man1/
	$(Q)install -m 644 configs/profiles/*.json $(TO)/share/batchtune/profiles/
	$(Q)install -m 644 configs/schema/*.json $(TO)/share/batchtune/schema/
	$(Q)install -m 644 configs/networks/*.list $(TO)/share/batchtune/networks/
	$(Q)install -m 644 configs/perf-gate.json $(TO)/share/batchtune/
	$(Q)install -m 644 configs/systemd/batchtune.* $(TO)/share/batchtune/systemd/
	$(Q)sed -i 's|=/usr/bin|=$(PREFIX)/bin|' $(TO)/share/batchtune/systemd/batchtune.service
	$(Q)for part in $(wildcard $(CUDA_PARTS)); do install -m 755 $$part $(TO)/lib/; done
	$(if $(wildcard $(SHIM)),$(install_shim),@echo 'without libtorch, whose shim is not built' \
	    '(`make` builds it): the programs run --backend plan and sim:...')

uninstall: ## remove what install put there
	$(Q)rm -f $(TO)/include/batchtune.h $(TO)/include/batchtune-polygons.h $(TO)/lib/libbatchtune.a $(TO)/lib/libbatchtune.so \
	    $(TO)/lib/$(notdir $(SHARED)) $(TO)/lib/$(notdir $(SHIM)) $(TO)/lib/libbatchtune_contours.so \
	    $(TO)/lib/$(notdir $(TORCH_NAME)) $(TO)/lib/libtriton_batchtune.so $(TO)/lib/libbatchtune_mpi.so \
	    $(addprefix $(TO)/lib/,$(notdir $(CUDA_PARTS))) $(TO)/lib/pkgconfig/batchtune.pc \
	    $(addprefix $(TO)/bin/,$(notdir $(TOOLS))) $(addprefix $(TO)/share/man/man1/,$(notdir $(MANUALS)))
	$(Q)rm -rf $(TO)/share/batchtune $(TO)/lib/batchtune

# Manual pages say what --help does, and packages hold what `make install` puts there.
$(O)/man/%.1: $(O)/bin/% tools/package/manual.pl VERSION
	@mkdir -p $(@D)
	$(Q)tools/package/manual.pl $< $(VERSION) >$@

deb: .deps/$(CORE).stamp .deps/package.stamp ## Debian packages of the library, its header, the Python module and the \
    programs, into build/deb
	$(call build,$(LIBRARY) $(SHARED) $(CONTOURS) $(TRITON) $(TOOLS) $(MANUALS))
	$(Q)tools/package/deb.sh $(VERSION)

check-wheel: .deps/$(CORE).stamp ## `pip install .` in a fresh environment: the module serves from there (needs a \
    package index)
	$(call build,$(SHARED) $(CONTOURS))
	$(Q)tests/wheel-check

# Fuzzers: clang's libFuzzer over the parsers alone, with their sources built anew.
FUZZERS      := $(patsubst tests/fuzz/fuzz-%.c,build/fuzz/fuzz-%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_SOURCES := $(wildcard $(foreach folder,base measure image networks settings record,src/$(folder)/*.c)) \
                $(patsubst %,src/http/%.c,access-line base64 budget classes inflate infer-input infer-request infer-response keys \
                    media numbers origins route segment trace-context) \
                $(wildcard src/backend/sim*.c) src/load/schedule.c src/serving/metrics-figures.c src/serving/metrics-read.c \
                src/tune/journal.c src/tune/step.c tests/fuzz/input.c
FUZZ_CFLAGS   = -std=c17 -O1 -g $(CPPFLAGS) -Itests/fuzz -DBT_VERSION='"fuzz"' -DBT_REVISION='"fuzz"' \
                -pthread -MMD -MP -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow \
                -fno-sanitize-recover=all
SECONDS       = 60
RUNS          = 3000

build/fuzz/%.o: %.c | .deps/core.stamp .deps/fuzz.stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CLANG $<")
	$(Q)clang $(FUZZ_CFLAGS) -c -o $@ $<

build/fuzz/fuzz-%: build/fuzz/tests/fuzz/fuzz-%.o $(FUZZ_SOURCES:%.c=build/fuzz/%.o)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LDFLAGS) $(LDLIBS)

fuzz: $(FUZZERS) ## every parser of outside bytes under libFuzzer, SECONDS=60 each; what it finds is in \
    build/fuzz/found
	$(Q)tests/fuzz/run seconds=$(SECONDS) $(FUZZERS)

fuzz-short: $(FUZZERS) ## the same from fixed seeds, RUNS=3000 each, for CI
	$(Q)tests/fuzz/run runs=$(RUNS) $(FUZZERS)

faults: core ## every call for memory, files and threads fails once, every step is killed once: how many, \
    and what came of them
	$(Q)O=$(O) BATCHTUNE_FAULTS=all TEST_TIMEOUT_S=14400 tests/run --core 'faults-*'

# A million files of each kind; `make test` does ten thousand.
security: export BATCHTUNE_MUTATIONS = 1000000
security: core ## a million damaged pictures and checkpoints, hostile names and records: how many, and what \
    came of them
	$(Q)O=$(O) TEST_TIMEOUT_S=14400 tests/run security image-mutations networks-checkpoint-damaged

nightly: faults security ## faults and security, 10^8 random requests, and a slowdown that is really there
	$(Q)BATCHTUNE_REQUESTS=100000000 $(O)/tests/batching-properties
	$(Q)O=$(O) tests/gate-selftest planted repository

# Set-up. Whatever is compiled depends on core.stamp, which is made once; whatever links libtorch depends on
# torch.stamp, whose time moves only when another libtorch is chosen. It says: version, origin, folder.
deps: ## install and fetch what is missing: Debian packages, libtorch
	@tools/setup/deps.sh core lint gate torch

deps-core: ## only what `make core` needs: no libtorch, no formatter
	@tools/setup/deps.sh core

deps-python: ## torch's Python part, for tools/setup/torch-python: to export networks of your own, and for \
    their tests
	@tools/setup/deps.sh python

deps-networks: ## torchvision, segmentation-models-pytorch, timm, MONAI and others, whose networks a test exports, tunes \
    and serves (25 MB beside deps-python)
	@tools/setup/deps.sh networks

page-pictures: .deps/core.stamp ## pictures of serve-production's page under load, for docs/pictures (takes Chromium)
	$(call build,$(O)/bin/serve-production $(O)/bin/optimize-batch $(O)/bin/probe-worker $(CONTOURS))
	$(Q)tools/python/page_pictures.py $(O)/bin 40 docs/pictures

deps-monitoring: ## Prometheus, whose promtool tests the metrics and the alert rules (Debian's package starts \
    its server, too)
	@tools/setup/deps.sh monitoring

deps-package: .deps/package.stamp ## what `make deb` and the tests of packages need: debhelper, lintian

deps-mpi: .deps/mpi.stamp ## OpenMPI, for `make MPI=1` and its test

deps-clients: ## Triton's client and perf_analyzer, for their tests against serve-production
	@tools/setup/deps.sh clients

deps-triton: ## NVIDIA's Triton, for the test of what export-triton writes, and to compare with (55 MB)
	@tools/setup/deps.sh tritonserver

deps-deployment: ## kubernetes-validate, KServe's models and hadolint, for the tests of manifests and the Dockerfile
	@tools/setup/deps.sh deployment

deps-onnx: ## ONNX Runtime, which runs networks of your own in .onnx files, and what its tests take (55 MB)
	@tools/setup/deps.sh onnx

$(patsubst %,.deps/%.stamp,core gpu lint gate fuzz coverage package mpi): .deps/%.stamp: tools/setup/packages.sh
	@tools/setup/deps.sh $*

.deps/torch.stamp: FORCE
	@tools/setup/deps.sh --quiet torch

doctor: .deps/$(CORE).stamp ## print what a bug report needs, and what is wrong with this machine
	$(call build,$(O)/bin/canary)
	@O=$(O) tools/setup/doctor.sh

# Tests: TAP programs, run and counted by tests/run.
test: all .deps/torch.stamp ## set up, build and run every test
	@O=$(O) tests/run $(TESTS)

test-locale: all .deps/torch.stamp $(O)/tests/preload-locale.so ## those that write or read numbers, where every \
    program has set a locale with decimal commas
	@O=$(O) tests/under-locale tests/run $(or $(TESTS),--text)

# With a compiler, nvcc, a Python with torch and jansson (its include/ and lib/ may lie in .deps/jansson) it
# fetches nothing. PART=kernels,paths runs some of it; kernels are built for this machine's GPU alone.
PART =
gpu-check: ## on a machine with a GPU: its kernels, both networks at 1024 x 1024, the service, torch.compile \
    (PART=kernels,steps,...)
	@$(MAKE) --no-print-directory $(JOBS) CORE=gpu NVCC_ARCHITECTURES='$(or $(GPU_ARCHITECTURES),-arch=native)' shim cuda \
	    $(patsubst %,$(O)/bin/%,optimize-batch probe-worker test-production) \
	    $(patsubst %,$(O)/bench/%,check-gpu bench-networks bench-steps) \
	    $(patsubst %,$(O)/tests/%,network-list draw-spheroids) >&2
	@O=$(O) tests/gpu-check $(if $(PART),--parts $(PART)) $(ARGS)

test-core: core ## the tests that need no libtorch
	@O=$(O) tests/run --core $(TESTS)

coverage: .deps/coverage.stamp ## lines and branches that the core's unit tests reach, by folder (V=1: by \
    file)
	@$(MAKE) --no-print-directory SANITIZE=coverage OPTIMIZE='-O0 -g' coverage-tests
	@tests/coverage $(TESTS)

coverage-tests: $(CORE_TESTS)

unit-core: $(CORE_TESTS)
	@O=$(O) tests/run --core --unit $(or $(TESTS),$(notdir $(CORE_TESTS)))

# What this CPU has is switched off from the top, a level at a time.
PLAN_TESTS   = $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/plan-*.c))
LOWER_LEVELS = portable $(shell grep -qw avx512f /proc/cpuinfo && echo avx2; \
                                grep -qw avx512_bf16 /proc/cpuinfo && echo avx512)
cpu-levels: all .deps/torch.stamp ## what computes, with each CPU feature level switched off in turn
	$(Q)for level in $(LOWER_LEVELS); do echo "== no more than $$level"; \
	    BATCHTUNE_CPU=$$level O=$(O) tests/run 'kernels-*' $(PLAN_TESTS) torch-plan || exit 1; done

check: ## lint, every test, those that compute without each CPU feature, and the core's unit tests under \
    the sanitizers
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory cpu-levels
	@$(MAKE) --no-print-directory sanitizers

sanitizers: ## the core's unit tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	@$(MAKE) --no-print-directory SANITIZE=address unit-core
	@$(MAKE) --no-print-directory SANITIZE=address abuse-http ARGS='6 50 200'
	@$(MAKE) --no-print-directory SANITIZE=thread unit-core

lint: $(LIBRARY) $(TOOLS) .deps/lint.stamp ## layers, headers on their own, symbols, layout, shape, words, \
    pages
	@LIBRARY=$(LIBRARY) BIN=$(O)/bin tools/lint/lint.sh

docs: $(TOOLS) ## write what the code knows into the pages: every option, the layers
	@BIN=$(O)/bin tools/lint/docs.sh

shim: ## build the libtorch shim alone

cuda: ## build the CUDA kernels and graphs; nothing where there is no nvcc

include shim/shim.mk

help: ## list the targets
	@sed -E -e ':more' -e '/^[a-z-]+:.*## .*\\$$/ {N; s/ *\\\n +/ /; b more' -e '}' Makefile | \
	    awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}'

format: ## lay the code out with clang-format
	$(Q)clang-format -i $(wildcard src/*.h src/*/*.[ch] tools/*.[ch] shim/*.h shim/*.cpp shim/cuda/* \
	    tests/*/*.[ch])

clean: ## remove build/
	rm -rf build

FORCE:
.PHONY: all built core cpu-levels coverage coverage-tests faults security perf-gate perf-gate-selftest fuzz \
        fuzz-short soak abuse-http soak-restarts optimize-batch test-production serve-production segment-image \
        show-batch-config explain-batching export-kubernetes export-triton plan-replicas bench-export bench-replicas \
        bench-senders bench bench-clients bench-http bench-kernels bench-onnx bench-placing bench-predictions bench-steps bench-triton \
        bench-networks bench-peers study-policies study-search gpu-check install uninstall deb check-wheel page-pictures nightly \
        shim cuda deps deps-core deps-python deps-clients deps-deployment deps-monitoring deps-mpi deps-networks deps-onnx deps-package \
        deps-triton doctor test test-locale test-core unit-core check sanitizers lint docs help format clean FORCE

-include $(shell find $(sort $(O) build/shim build/fuzz) -name '*.d' 2>/dev/null)
