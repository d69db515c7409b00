#include "fitting.h"

#include <algorithm>

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
    return grey_ ? images.mean(1, /*keepdim=*/true) : images;
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
                                static_cast<int>(images.size(1)), static_cast<int>(images.size(2)),
                                static_cast<int>(images.size(3))};
    bt_fitted fitted;
    bt_error error;
    bt_status status =
        fit_(&fitted, &map_, described.data(), static_cast<int>(described.size()), &about, &error);
    if (status != BT_OK) throw Failure(status, error.message);
    return fitted;
}

/* Enlarged bilinearly, between the centres of pixels, as torchvision's networks themselves do it. */
at::Tensor Fitting::output(const std::vector<Given> &given, const at::Tensor &images) {
    const bt_fitted fitted = choose(given, images);
    at::Tensor map = given[static_cast<size_t>(fitted.tensor)].tensor;
    if (map.dim() == 3) map = map.unsqueeze(1);
    if (fitted.factor > 1)
        map = at::upsample_bilinear2d(map.to(at::kFloat), {images.size(2), images.size(3)},
                                      /*align_corners=*/false);
    note(fitted.found);
    noted_ = true;
    classes_ = fitted.classes;
    return map;
}

} // namespace bt
