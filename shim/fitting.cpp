#include "fitting.h"

#include <algorithm>

#include <ATen/ops/replication_pad2d.h>
#include <ATen/ops/upsample_bilinear2d.h>

namespace bt {

std::string shape(at::IntArrayRef sizes) {
    std::string text;
    for (int64_t size : sizes)
        text += (text.empty() ? "" : " x ") + std::to_string(size);
    return text.empty() ? "one number" : text;
}

Fitting::Fitting(const bt_torch_options &options, std::string file)
    : map_(*options.map), fit_(options.fit), file_(std::move(file)), grey_(options.map->channels == 1) {}

void Fitting::note(const std::string &words) {
    if (!noted_ && !words.empty()) found_ += (found_.empty() ? "" : "; ") + words;
}

/* ---- what goes in ---- */

at::Tensor Fitting::input(const at::Tensor &images) const {
    at::Tensor x = grey_ ? images.mean(1, /*keepdim=*/true) : images;
    const int64_t right = padded(x.size(3)) - x.size(3), below = padded(x.size(2)) - x.size(2);
    if (right > 0 || below > 0) x = at::replication_pad2d(x, {0, right, 0, below});
    if (map_.dtype == BT_MODEL_FLOAT16) x = x.to(at::kHalf);
    if (map_.dtype == BT_MODEL_UINT8) x = x.round().clamp(0, 255).to(at::kByte);
    return map_.channels_last ? x.permute({0, 2, 3, 1}).contiguous() : x;
}

bool Fitting::tries_grey() {
    if (map_.channels != 0 || grey_) return false;
    note("takes pictures of one channel, the mean of the three (\"channels\": 1)");
    return grey_ = true;
}

void Fitting::forgets_grey() {
    grey_ = false;
    found_.clear();
}

/* ---- what comes out ---- */

bt_fitted Fitting::choose(const std::vector<Given> &given, const at::Tensor &images) const {
    std::vector<bt_given> described;
    for (const Given &one : given) {
        bt_given to = {one.name.c_str(),
                       c10::toString(one.tensor.scalar_type()),
                       one.tensor.is_floating_point(),
                       static_cast<int>(one.tensor.dim()),
                       {}};
        std::copy_n(one.tensor.sizes().begin(), std::min<int64_t>(one.tensor.dim(), BT_GIVEN_RANK), to.dims);
        described.push_back(to);
        if (described.size() == BT_GIVEN_MAX) break;
    }
    const bt_given_for about = {file_.c_str(), static_cast<int>(images.size(0)),
                                static_cast<int>(images.size(1)), padded(images.size(2)),
                                padded(images.size(3))};
    bt_fitted fitted;
    bt_error error;
    bt_status status =
        fit_(&fitted, &map_, described.data(), static_cast<int>(described.size()), &about, &error);
    if (status != BT_OK) throw Failure(status, error.message);
    return fitted;
}

/* What was padded is cut off. Enlarged bilinearly, between the centres of pixels, as torchvision's networks do it. */
at::Tensor Fitting::output(const std::vector<Given> &given, const at::Tensor &images) {
    const bt_fitted fitted = choose(given, images);
    at::Tensor map = given[static_cast<size_t>(fitted.tensor)].tensor;
    const int64_t height = images.size(2), width = images.size(3);
    if (map.dim() == 3) map = map.unsqueeze(1);
    if (fitted.channels_last) map = map.permute({0, 3, 1, 2});
    if (fitted.factor > 1)
        map = at::upsample_bilinear2d(map.to(at::kFloat), {padded(height), padded(width)},
                                      /*align_corners=*/false);
    if (noted_ && fitted.classes != classes_)
        throw Failure(BT_INVALID, file_ + ": gives " + std::to_string(fitted.classes) +
                                      " classes, and before " + std::to_string(classes_) +
                                      ": its packages are of different networks");
    note(fitted.found);
    noted_ = true;
    classes_ = fitted.classes;
    return map.narrow(2, 0, height).narrow(3, 0, width);
}

} // namespace bt
