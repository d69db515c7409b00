#include "graph.h"

#include <map>
#include <memory>

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace {

class DeviceGraphs : public bt::Graphs {
  public:
    explicit DeviceGraphs(int device_index)
        : device_(static_cast<c10::DeviceIndex>(device_index)), pool_(at::cuda::graph_pool_handle()) {}

    void capture(int key, int warm_ups, const std::function<void()> &forward) override {
        graphs_.erase(key);
        c10::cuda::CUDAGuard device(device_);
        c10::cuda::device_synchronize();
        auto graph = std::make_unique<at::cuda::CUDAGraph>();
        {
            c10::cuda::CUDAStreamGuard stream(
                c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device_));
            for (int i = 0; i < warm_ups; i++)
                forward();
            c10::cuda::device_synchronize();
            /* This thread only: others may go on using the device. */
            graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
            try {
                forward();
            } catch (...) {
                end_quietly(*graph);
                throw;
            }
            graph->capture_end();
        }
        c10::cuda::device_synchronize();
        graphs_[key] = std::move(graph);
    }

    bool has(int key) const override {
        return graphs_.count(key) != 0;
    }

    void replay(int key) override {
        c10::cuda::CUDAGuard device(device_);
        graphs_.at(key)->replay();
    }

  private:
    /* The stream must leave capture mode, whatever made the pass fail. */
    static void end_quietly(at::cuda::CUDAGraph &graph) {
        try {
            graph.capture_end();
        } catch (...) {
        }
    }

    c10::DeviceIndex device_;
    at::cuda::MempoolId_t pool_;
    std::map<int, std::unique_ptr<at::cuda::CUDAGraph>> graphs_;
};

} // namespace

void *bt_cuda_current_stream(int device_index) {
    return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_index)).stream();
}

bt::Graphs *bt_cuda_graphs_open(int device_index) {
    return new DeviceGraphs(device_index);
}
