#include "fitting.h"

#include <algorithm>

#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

namespace bt {

namespace {

/* torchvision's segmentation networks call the map that counts so, and a second one "aux". */
constexpr const char *usual_name = "out";

/* N x H x W is N x 1 x H x W. */
at::Tensor with_planes(const at::Tensor &tensor) {
    return tensor.dim() == 3 ? tensor.unsqueeze(1) : tensor;
}

/* N x classes x H x W, or smaller by one whole factor. */
bool fits(const at::Tensor &tensor, const at::Tensor &images) {
    at::Tensor t = with_planes(tensor);
    if (t.dim() != 4 || t.size(0) != images.size(0) || t.size(1) < 1 || t.size(1) > BT_MODEL_CLASSES_MAX)
        return false;
    int64_t height = images.size(2), width = images.size(3);
    return t.size(2) > 0 && t.size(3) > 0 && height % t.size(2) == 0 && width % t.size(3) == 0 &&
           height / t.size(2) == width / t.size(3);
}

std::string called(const std::vector<Given> &given, size_t index) {
    return given[index].name.empty() ? std::to_string(index) : "\"" + given[index].name + "\"";
}

/* "\"out\", \"aux\"" or "0, 1" */
std::string all_called(const std::vector<Given> &given) {
    std::string text;
    for (size_t i = 0; i < given.size(); i++)
        text += (i ? ", " : "") + called(given, i);
    return text;
}

std::string all_shapes(const std::vector<Given> &given) {
    std::string text;
    for (const Given &one : given)
        text += (text.empty() ? "" : ", ") + shape(one.tensor.sizes());
    return text.empty() ? "nothing" : text;
}

} // namespace

std::string shape(at::IntArrayRef sizes) {
    std::string text;
    for (int64_t size : sizes)
        text += (text.empty() ? "" : " x ") + std::to_string(size);
    return text.empty() ? "one number" : text;
}

Fitting::Fitting(const bt_model_map &map, bool probabilities, std::string file)
    : map_(map), probabilities_(probabilities), file_(std::move(file)), grey_(map.channels == 1) {}

void Fitting::note(const std::string &words) {
    if (!noted_) found_ += (found_.empty() ? "" : "; ") + words;
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

/* ---- which tensor ---- */

const Given &Fitting::choose(const std::vector<Given> &given, const at::Tensor &images) {
    size_t chosen = given.size();
    const bool said = map_.tensor[0] || map_.tensor_number >= 0;
    if (map_.tensor_number >= 0) chosen = static_cast<size_t>(map_.tensor_number);
    for (size_t i = given.size(); i-- > 0 && map_.tensor_number < 0;)
        if (said ? given[i].name == map_.tensor : fits(given[i].tensor, images)) chosen = i;
    for (size_t i = 0; i < given.size() && !said; i++)
        if (given[i].name == usual_name) chosen = i;
    if (chosen < given.size()) {
        if (!said && given.size() > 1)
            note("of its " + std::to_string(given.size()) + " tensors " + called(given, chosen) +
                 " is taken (\"output\": " + called(given, chosen) + ")");
        return given[chosen];
    }
    if (!said)
        throw Failure(BT_INVALID,
                      file_ + ": gives " + all_shapes(given) + " for images of " + shape(images.sizes()) +
                          "; N x classes x H x W is wanted, H and W those of the images or smaller by one "
                          "whole factor");
    throw Failure(
        BT_INVALID,
        file_ + ": gives no tensor " +
            (map_.tensor[0] ? "\"" + std::string(map_.tensor) + "\"" : std::to_string(map_.tensor_number)) +
            "; there is " + all_called(given) + ", one of which its JSON file can name: \"output\"");
}

at::Tensor Fitting::planes(const std::vector<Given> &given, const at::Tensor &images) {
    at::Tensor out = choose(given, images).tensor;
    if (!fits(out, images))
        throw Failure(BT_INVALID,
                      file_ + ": gives " + shape(out.sizes()) + " for images of " + shape(images.sizes()) +
                          "; N x classes x H x W is wanted, H and W those of the images or smaller by one "
                          "whole factor");
    if (!out.is_floating_point())
        throw Failure(BT_INVALID, file_ + ": gives numbers of type " +
                                      std::string(c10::toString(out.scalar_type())) +
                                      "; floating-point logits are wanted");
    return with_planes(out);
}

/* ---- in the pictures' size ---- */

/* Bilinear, between the centres of pixels, as torchvision's networks themselves do it. */
at::Tensor Fitting::enlarged(at::Tensor planes, const at::Tensor &images) {
    const int64_t factor = images.size(2) / planes.size(2);
    if (factor == 1) return planes;
    note("its map is smaller by " + std::to_string(factor) + " and is enlarged");
    return at::upsample_bilinear2d(planes, {images.size(2), images.size(3)}, /*align_corners=*/false);
}

/* ---- of all classes one mask ---- */

void Fitting::choose_classes(int64_t count, const at::Device &device) {
    std::vector<int64_t> inside, outside;
    bool said = false;
    for (int i = 0; i < BT_MODEL_CLASSES_MAX; i++) {
        said = said || map_.in_mask[i];
        if (map_.in_mask[i] && i >= count)
            throw Failure(BT_INVALID, file_ + ": gives " + std::to_string(count) +
                                          " classes; its JSON file's \"mask\" has number " +
                                          std::to_string(i) + ", and they count from 0");
    }
    if (map_.class_count > 0 && map_.class_count != count)
        throw Failure(BT_INVALID, file_ + ": gives " + std::to_string(count) +
                                      " classes; its JSON file names " + std::to_string(map_.class_count));
    for (int64_t i = 0; i < count; i++)
        ((said ? map_.in_mask[i] : map_.sigmoid || i > 0) ? inside : outside).push_back(i);
    if (outside.empty() && !map_.sigmoid)
        throw Failure(BT_INVALID, file_ + ": gives " + std::to_string(count) +
                                      " classes, all of which \"mask\" has: some must not be in it");
    if (!said)
        note("gives " + std::to_string(count) + " classes: its mask is where " +
             (map_.sigmoid ? "any of them is" : "it is not the first") + " (\"mask\" says which)");
    inside_ = at::tensor(inside, at::TensorOptions(at::kLong)).to(device);
    outside_ = at::tensor(outside, at::TensorOptions(at::kLong)).to(device);
    class_count_ = count;
}

/* With e the exponentials of all classes' logits, p = sum of e inside / sum of e, and log(p / (1 - p)) is the
 * logarithm of the sum inside less that of the sum outside. */
at::Tensor Fitting::reduced(const at::Tensor &planes) const {
    at::Tensor inside = planes.index_select(1, inside_);
    if (map_.sigmoid) return inside.amax(1, /*keepdim=*/true);
    if (probabilities_) return inside.sum(1, /*keepdim=*/true);
    at::Tensor outside = planes.index_select(1, outside_);
    return at::sub(at::logsumexp(inside, 1, true), at::logsumexp(outside, 1, true));
}

/* Than the first: of one map there is no other. */
bool Fitting::masks_another_class() const {
    return std::any_of(map_.in_mask + 1, map_.in_mask + BT_MODEL_CLASSES_MAX, [](bool in) { return in; });
}

at::Tensor Fitting::output(const std::vector<Given> &given, const at::Tensor &images) {
    at::Tensor map = planes(given, images);
    const bool several = map.size(1) > 1 || map_.class_count > 1 || masks_another_class();
    if (several || map.size(2) != images.size(2)) map = enlarged(map.to(at::kFloat), images);
    if (several) {
        if (class_count_ != map.size(1)) choose_classes(map.size(1), map.device());
        map = reduced(map);
    }
    noted_ = true;
    return map;
}

} // namespace bt
