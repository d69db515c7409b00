/* Between pictures, which everyone hands over as N x 3 x H x W floats, and what a user's network takes and gives: its
 * sides, channels, type and layout going in; coming out, the tensor that is its map, a plane for each class, in the
 * pictures' size. Which tensor that is the core decides (networks/fitting.h); what the model's description does not say is
 * found out in the first run. */
#ifndef BT_SHIM_FITTING_H
#define BT_SHIM_FITTING_H

#include <string>
#include <vector>

#include "internal.h"

namespace bt {

/* One tensor of what a network gives; the name is a dictionary's, else empty. */
struct Given {
    std::string name;
    at::Tensor tensor;
};

/* "1 x 3 x 64 x 64" */
std::string shape(at::IntArrayRef sizes);

class Fitting {
  public:
    Fitting(const bt_torch_options &options, std::string file);

    /* In the network's size, channels, type and layout. */
    at::Tensor input(const at::Tensor &images) const;
    /* N x classes x H x W; throws Failure(BT_INVALID) with the shapes where there is no such map. */
    at::Tensor output(const std::vector<Given> &given, const at::Tensor &images);

    /* Whether nobody has said how many channels go in, and three have not been taken; from here on it is one. */
    bool tries_grey();
    /* It did not help. */
    void forgets_grey();

    /* What was found out, for people; "" where all was said, or is as usual. */
    const std::string &found() const {
        return found_;
    }
    /* After the first run. */
    int classes() const {
        return classes_;
    }

  private:
    int padded(int64_t side) const {
        return bt_model_map_padded(&map_, static_cast<int>(side));
    }
    bt_fitted choose(const std::vector<Given> &given, const at::Tensor &images) const;
    void note(const std::string &words);

    const bt_model_map map_;
    bt_model_fitter *const fit_;
    const std::string file_;
    bool grey_;
    std::string found_;
    bool noted_ = false; /* the first run is over */
    int classes_ = 1;
};

} // namespace bt
#endif
