/* What is said beside the polygons: which network and device found them, how long it took, how a picture's
 * values were read. */
#include "backend/backend.h"
#include "base/json.h"
#include "base/version.h"
#include "segment/state.h"

/* What holds of all pictures of this run. */
static json_t *describe_run(const bt_segment_work *w) {
    const bt_segment_settings *s = w->settings;
    return json_pack("{s:s, s:i, s:f, s:f, s:s, s:s, s:s, s:s, s:s, s:s}", "model", w->options->model,
                     "image_size", bt_segment_image_size(w), "threshold", s->threshold, "min_area_px",
                     s->min_area_px, "weights", w->session.weights, "precision", w->session.precision, "path",
                     bt_path_name((bt_path)w->entry.settings.path), "backend", w->session.backend, "device",
                     w->session.device, "tool_version", bt_version());
}

json_t *bt_segment_joined(json_t *json, json_t *more) {
    bool good = json && more && json_object_update(json, more) == 0;
    json_decref(more);
    if (good) return json;
    json_decref(json);
    return NULL;
}

/* Which page it is, where there are several, and how its values were read. */
static json_t *describe_picture(const bt_picture *picture) {
    json_t *values = json_pack("{s:f, s:f}", "black", picture->black, "white", picture->white);
    if (picture->pages == 1) return values;
    return bt_segment_joined(json_pack("{s:i, s:i}", "page", picture->page, "pages", picture->pages), values);
}

json_t *bt_segment_describe_job(const bt_segment_work *w, const bt_segment_job *j) {
    const bt_result *r = &j->result;
    const double pixels = (double)j->picture.height * j->picture.width;
    json_t *about = bt_segment_joined(describe_run(w), describe_picture(&j->picture));
    return bt_segment_joined(
        bt_segment_joined(about, bt_segment_describe_classes(w, j->class_pixels, pixels)),
        json_pack("{s:s, s:s, s:i, s:o, s:f, s:f, s:f, s:f, s:f, s:f}", "outlines",
                  w->settings->format == BT_SEGMENT_FORMAT_GEOJSON ? "along pixel edges"
                                                                   : "through pixel centres",
                  "inference_mode", r->inference_mode, "batch_size", r->batch_size, "p95_latency_ms",
                  bt_json_real_or_null(r->p95_latency_ms), "latency_ms", r->latency_ms, "queue_ms",
                  r->queue_ms, "preprocess_ms", r->preprocess_ms, "service_ms", r->service_ms, "decode_ms",
                  j->decode_ms, "polygons_ms", j->polygons_ms));
}

/* Of all pictures together: the mode is the standard path's where one of them needed it. */
json_t *bt_segment_describe_all(const bt_segment_work *w) {
    const bt_segment_summary *s = w->summary;
    return bt_segment_joined(
        bt_segment_joined(describe_run(w), bt_segment_describe_classes(w, w->class_pixels, w->pixels)),
        json_pack("{s:s, s:i, s:o, s:i, s:i, s:i}", "inference_mode",
                  s->fallbacks ? "standard_fallback" : "production_optimized", "batch_size", s->batch_size,
                  "p95_latency_ms", bt_json_real_or_null(s->p95_latency_ms), "pictures", s->segmented,
                  "failed", s->failed, "fallbacks", s->fallbacks));
}
