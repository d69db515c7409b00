# The shims: C++ and CUDA behind C headers, each a library of its own that is loaded when it is wanted.
# Included by the Makefile, which has the knobs. Never under a sanitizer, so always in build/: libtorch and
# OpenCV are not built with one, and the two would disagree about memory.

# ---- OpenCV, behind shim/contours.h: loaded by src/image/contours.c when polygons are wanted ----

CONTOURS_CXXFLAGS = -std=c++17 -O2 -g1 $(WARNINGS) -fvisibility=hidden -fPIC \
                    -ffile-prefix-map=$(CURDIR)/= -MMD -MP -Isrc -isystem /usr/include/opencv4 $(CXXFLAGS)

build/shim/contours.o: shim/contours.cpp | .deps/$(CORE).stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX   $<")
	$(Q)$(CXX) $(CONTOURS_CXXFLAGS) -c -o $@ $<

build/lib/libbatchtune_contours.so: build/shim/contours.o
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CXX) -shared -o $@ $^ -lopencv_imgproc -lopencv_core -Wl,--no-undefined

# ---- MPI, behind shim/mpi/mpi_shim.h: loaded by src/ranks/ranks.c; where MPI=1 ----

MPICC = mpicc

build/shim/mpi/mpi_shim.o: shim/mpi/mpi_shim.c | .deps/$(CORE).stamp .deps/mpi.stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  MPICC $<")
	$(Q)$(MPICC) -std=c17 $(OPTIMIZE) $(WARNINGS) -fvisibility=hidden -fPIC -ffile-prefix-map=$(CURDIR)/= -MMD -MP \
	    -D_GNU_SOURCE -Isrc -Ishim -c -o $@ $<

build/lib/libbatchtune_mpi.so: build/shim/mpi/mpi_shim.o
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(MPICC) -shared -o $@ $^ -Wl,--no-undefined

# ---- libtorch, behind shim/torch_shim.h: loaded by src/backend/torch.c; all else does without it ----

SHIM           := build/lib/libbatchtune_torch.so
# A library that holds nothing and answers to the name libtorch.so: see shim/model_file.cpp.
TORCH_NAME     := build/lib/libbatchtune_torch_name.so
SHIM_OBJECTS   := $(patsubst %.cpp,build/%.o,$(filter-out shim/contours.cpp,$(wildcard shim/*.cpp)))
# LIBTORCH, else what `make deps` found or fetched: .deps/torch.stamp says which. It is read when a recipe
# needs it, since the same make may just have fetched it.
LIBTORCH_FOUND  = $(shell cut -d ' ' -f 3- .deps/torch.stamp)
# The one under .deps is found from where the shim lies, so that a tree can be moved.
LIBTORCH_RPATH  = $(if $(filter $(CURDIR)/.deps/torch,$(LIBTORCH_FOUND)),$\
                      $$ORIGIN/../../.deps/torch/lib,$(LIBTORCH_FOUND)/lib)
SHIM_CXXFLAGS   = -std=c++20 -O2 -g1 $(WARNINGS) -fvisibility=hidden -fPIC -ffile-prefix-map=$(CURDIR)/= \
                  -pthread -MMD -MP -Isrc -Ishim -isystem $(LIBTORCH_FOUND)/include $(CXXFLAGS)

shim: $(SHIM) $(TORCH_NAME)

build/shim-flags: .deps/torch.stamp FORCE | .deps/$(CORE).stamp
	@mkdir -p build
	@echo '$(CXX) $(SHIM_CXXFLAGS) $(LIBTORCH_RPATH)' | cmp -s - $@ || \
	    echo '$(CXX) $(SHIM_CXXFLAGS) $(LIBTORCH_RPATH)' >$@

build/shim/%.o: shim/%.cpp build/shim-flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX   $<")
	$(Q)$(CXX) $(SHIM_CXXFLAGS) -c -o $@ $<

# link_torch_name FILE RPATH
link_torch_name = $(CXX) -shared -o $(1) -L$(LIBTORCH_FOUND)/lib -Wl,--no-as-needed -ltorch_cpu -lc10 \
	    -Wl,-soname,libtorch.so -Wl,--disable-new-dtags,-rpath,'$(2)' -Wl,--allow-shlib-undefined

# DT_RPATH, not RUNPATH: an LD_LIBRARY_PATH made for something else does not bring in another libtorch.
$(SHIM): $(SHIM_OBJECTS)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CXX) -shared -o $@ $^ -L$(LIBTORCH_FOUND)/lib -ltorch_cpu -lc10 -ldl \
	    -Wl,--disable-new-dtags,-rpath,'$(LIBTORCH_RPATH)' -Wl,--no-undefined -Wl,--allow-shlib-undefined

$(TORCH_NAME): build/shim-flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(call link_torch_name,$@,$(LIBTORCH_RPATH))

# ---- CUDA: the plan's kernels and convolutions, and a check of the GPU itself ----

# Without libtorch, built where nvcc is, loaded only where a driver is. The runtime is linked in statically
# (nvcc's default), so that it needs nothing but the driver, and for convolutions cuDNN, which it loads itself:
# of that it wants the headers, the system's or those of the wheel beside libtorch. Code for sm_75 to sm_90,
# PTX for what is newer; NVCC_ARCHITECTURES=-arch=native is for this machine's GPU alone, and faster built.
NVCC       := $(or $(shell command -v nvcc),$(wildcard /usr/local/cuda/bin/nvcc))
CUDA_PARTS := build/lib/libbatchtune_cuda.so build/lib/libbatchtune_torch_cuda.so
CUDA_CHECK := $(if $(NVCC),build/lib/libbatchtune_cuda.so)
NVCC_ARCHITECTURES := $(foreach sm,75 80 86 89 90,-gencode arch=compute_$(sm)$(,)code=sm_$(sm)) \
                      -gencode arch=compute_90$(,)code=compute_90

cuda: $(CUDA_CHECK) $(if $(NVCC),shim)
	$(Q)$(if $(TORCH_CUDA),$(MAKE) --no-print-directory $(TORCH_CUDA))

CUDA_OBJECTS  := $(patsubst shim/cuda/%,build/cuda/%.o,$(wildcard shim/cuda/*.cu) \
                     $(filter-out %/graph.cpp,$(wildcard shim/cuda/*.cpp)))
CUDNN_INCLUDE  = $(addprefix -isystem ,$(wildcard $(dir $(LIBTORCH_FOUND))nvidia/cudnn/include))
NVCCFLAGS      = -O3 -std=c++20 $(NVCC_ARCHITECTURES) -Xcompiler -fPIC,-fvisibility=hidden,-Wall -Isrc -Ishim \
                 $(CUDNN_INCLUDE)

build/cuda-flags: .deps/torch.stamp FORCE
	@mkdir -p build
	@echo '$(NVCC) $(NVCCFLAGS)' | cmp -s - $@ || echo '$(NVCC) $(NVCCFLAGS)' >$@

build/cuda/%.o: shim/cuda/% build/cuda-flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  NVCC  $<")
	$(Q)$(NVCC) $(NVCCFLAGS) -MMD -MP -c -o $@ $<

build/lib/libbatchtune_cuda.so: $(CUDA_OBJECTS)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(NVCC) $(NVCC_ARCHITECTURES) -shared -o $@ $^ -ldl

# What the shim has of libtorch_cuda.so itself: streams and graphs. Built where both are at hand.
CUDA_INCLUDE  := $(if $(NVCC),$(patsubst %/bin/nvcc,%/include,$(realpath $(NVCC))))
TORCH_CUDA     = $(if $(CUDA_INCLUDE),$(if $(wildcard $(LIBTORCH_FOUND)/lib/libtorch_cuda.so),$\
                     build/lib/libbatchtune_torch_cuda.so))

build/shim/cuda/%.o: shim/cuda/%.cpp build/shim-flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX   $<")
	$(Q)$(CXX) $(SHIM_CXXFLAGS) -isystem $(CUDA_INCLUDE) -c -o $@ $<

build/lib/libbatchtune_torch_cuda.so: build/shim/cuda/graph.o
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CXX) -shared -o $@ $^ -L$(LIBTORCH_FOUND)/lib -ltorch_cuda -lc10_cuda -ltorch_cpu -lc10 \
	    -Wl,--disable-new-dtags,-rpath,'$(LIBTORCH_RPATH)' -Wl,--allow-shlib-undefined

# ---- installing: the shim beside the library, and libtorch where WITH_LIBTORCH=1 ----

INSTALLED_TORCH = $(if $(COPIED),$$ORIGIN/batchtune/torch/lib,$(abspath $(LIBTORCH_FOUND))/lib)
# libtorch as it lies in its wheel: NVIDIA's part is found from where libtorch is.
TORCH_PARTS = $(filter-out %/libtorch_python.so,$(wildcard $(LIBTORCH_FOUND)/lib/*.so*))
NVIDIA_PART = $(wildcard $(dir $(LIBTORCH_FOUND))nvidia)

define install_shim
	$(Q)$(CXX) -shared -o $(TO)/lib/$(notdir $(SHIM)) $(SHIM_OBJECTS) -L$(LIBTORCH_FOUND)/lib \
	    -ltorch_cpu -lc10 -ldl -Wl,--disable-new-dtags,-rpath,'$(INSTALLED_TORCH)' -Wl,--allow-shlib-undefined
	$(Q)$(call link_torch_name,$(TO)/lib/$(notdir $(TORCH_NAME)),$(INSTALLED_TORCH))
	$(Q)$(if $(COPIED),$(copy_torch),$(say_torch_stays))
endef

torch_size = "$$(du -cshL $(TORCH_PARTS) $(NVIDIA_PART) | tail -n 1 | cut -f 1)"

define say_torch_stays
echo 'libtorch stays where it is ($(INSTALLED_TORCH)), and the programs need it there:' \
	    '`make install WITH_LIBTORCH=1` copies it beside them,' $(torch_size)
endef

define copy_torch
echo 'libtorch is copied to $(TO)/lib/batchtune:' $(torch_size) && \
	    rm -rf $(TO)/lib/batchtune && install -d $(TO)/lib/batchtune/torch/lib && \
	    $(COPY) $(TORCH_PARTS) $(TO)/lib/batchtune/torch/lib/ && \
	    $(if $(NVIDIA_PART),$(COPY) $(NVIDIA_PART) $(TO)/lib/batchtune/,:)
endef
