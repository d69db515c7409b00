/* Between pictures, which everyone hands over as N x 3 x H x W, and what a user's network takes and gives: its
 * channels going in; coming out, one of its tensors, of its classes, in the pictures' size. What the model's
 * description does not say is found out in the first run. */
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
    Fitting(const bt_model_map &map, bool probabilities, std::string file);

    /* In the network's channels, laid out as before. */
    at::Tensor input(const at::Tensor &images) const;
    /* The one map, N x 1 x H x W; throws Failure(BT_INVALID) with the shapes where there is none. */
    at::Tensor output(const std::vector<Given> &given, const at::Tensor &images);

    /* Whether nobody has said how many channels go in, and three have not been taken; from here on it is one. */
    bool tries_grey();
    /* It did not help. */
    void forgets_grey();

    /* What was found out, for people; "" where all was said, or is as usual. */
    const std::string &found() const {
        return found_;
    }

  private:
    const Given &choose(const std::vector<Given> &given, const at::Tensor &images);
    at::Tensor planes(const std::vector<Given> &given, const at::Tensor &images);
    at::Tensor enlarged(at::Tensor planes, const at::Tensor &images);
    void choose_classes(int64_t count, const at::Device &device);
    bool masks_another_class() const;
    at::Tensor reduced(const at::Tensor &planes) const;
    void note(const std::string &words);

    const bt_model_map map_;
    const bool probabilities_;
    const std::string file_;
    bool grey_;
    std::string found_;
    bool noted_ = false; /* the first run is over */
    int64_t class_count_ = 0;
    at::Tensor inside_, outside_; /* numbers of the classes in the mask, and not in it */
};

} // namespace bt
#endif
