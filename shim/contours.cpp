#include "contours.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <opencv2/imgproc.hpp>
#include <type_traits>
#include <vector>

static_assert(sizeof(cv::Point) == sizeof(bt_pixel) && std::is_same<decltype(cv::Point::x), int>::value,
              "a contour's points are read as the core's");

namespace {

struct Found {
    std::vector<std::vector<cv::Point>> contours;
    std::vector<cv::Vec4i> tree; /* next, previous, first child, parent */
    std::vector<bt_border> items;
};

/* The core has no part in this library: it fills the error itself. */
bt_status fail(bt_error *error, bt_status status, const char *message) noexcept {
    if (!error) return status;
    error->status = status;
    snprintf(error->message, sizeof error->message, "%.*s", static_cast<int>(strcspn(message, "\n")),
             message);
    return status;
}

/* OpenCV takes no constant matrix, but only reads this one. */
std::unique_ptr<Found> find(const uint8_t *mask, int height, int width) {
    auto found = std::make_unique<Found>();
    const cv::Mat pixels(height, width, CV_8U, const_cast<uint8_t *>(mask));
    cv::findContours(pixels, found->contours, found->tree, cv::RETR_CCOMP, cv::CHAIN_APPROX_SIMPLE);
    found->items.reserve(found->contours.size());
    for (size_t i = 0; i < found->contours.size(); i++) {
        const std::vector<cv::Point> &points = found->contours[i];
        const bt_ring ring = {reinterpret_cast<const bt_pixel *>(points.data()),
                              static_cast<int>(points.size())};
        found->items.push_back({ring, found->tree[i][3]});
    }
    return found;
}

} // namespace

bt_status bt_contours_find(int abi, const uint8_t *mask, int height, int width, bt_borders *out,
                           bt_error *error) {
    if (abi != BT_CONTOURS_ABI)
        return fail(error, BT_UNSUPPORTED, "the contours' library is of another build: run `make core`");
    try {
        Found *found = find(mask, height, width).release();
        *out = {found->items.data(), static_cast<int>(found->items.size()), found};
        return BT_OK;
    } catch (const std::bad_alloc &) {
        return fail(error, BT_NO_MEMORY, "memory ran out inside OpenCV");
    } catch (const cv::Exception &exception) {
        bool memory = exception.code == cv::Error::StsNoMem;
        return fail(error, memory ? BT_NO_MEMORY : BT_BACKEND, exception.err.c_str());
    } catch (...) {
        return fail(error, BT_BACKEND, "OpenCV failed and did not say why");
    }
}

void bt_contours_free(bt_borders *borders) {
    delete static_cast<Found *>(borders->owner);
    *borders = {};
}
