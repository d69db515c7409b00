/* What a CUDA session needs of libtorch's CUDA headers: its stream, and graphs of whole forward passes.
 *
 * A library of its own (libbatchtune_torch_cuda.so), since these are the only calls that must be linked
 * against libtorch_cuda.so: the shim loads it when a CUDA session is opened, and does without where it was
 * not built (no CUDA toolkit). C++, between two halves of one shim, built together. Functions throw. */
#ifndef BT_SHIM_CUDA_GRAPH_H
#define BT_SHIM_CUDA_GRAPH_H

#include <functional>

namespace bt {

/* One session's graphs. They share a pool of memory: two must never run at the same time. */
class Graphs {
  public:
    virtual ~Graphs() = default;
    /* Runs `forward` a few times on a stream of its own, which is when autotuning happens, then records one
     * more run under `key`, in place of what was there. What the recorded run writes lies where it did then,
     * as long as this lives. */
    virtual void capture(int key, int warm_ups, const std::function<void()> &forward) = 0;
    virtual bool has(int key) const = 0;
    /* On the current stream; returns at once. */
    virtual void replay(int key) = 0;
};

} // namespace bt

/* The current device's current stream, a cudaStream_t. */
extern "C" __attribute__((visibility("default"))) void *bt_cuda_current_stream(int device_index);
/* The caller's, to delete. */
extern "C" __attribute__((visibility("default"))) bt::Graphs *bt_cuda_graphs_open(int device_index);

#endif
