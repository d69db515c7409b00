#include "segment/output.h"

#include <string.h>

#include "base/json.h"

/* "a/b.json" with "-hrnet": "a/b-hrnet.json". */
static bt_status add_suffix(char out[BT_PATH_SIZE], const char *path, const char *suffix, bt_error *error) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t length = dot && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path);
    return bt_path_join(out, error, "%.*s%s%s", (int)length, path, suffix, path + length);
}

static bt_status resolve_folder(char out[BT_PATH_SIZE], const char *given, bt_error *error) {
    bt_status status = bt_path_join(out, error, "%s", given);
    return status == BT_OK ? bt_folder_make(given, error) : status;
}

static bt_status resolve_file(char out[BT_PATH_SIZE], const char *given, const bt_segment_outputs *outputs,
                              const bt_pictures *pictures, bt_error *error) {
    bt_status status = add_suffix(out, given, outputs->suffix, error);
    if (status == BT_OK) status = bt_file_check_writable(out, error);
    for (int i = 0; i < pictures->count && status == BT_OK; i++)
        if (bt_path_is_same(out, pictures->files[i].path))
            status = bt_fail(error, BT_INVALID, "%s is a picture; it would be overwritten", out);
    return status;
}

static bt_status resolve_output(bt_segment_outputs *out, const bt_segment_settings *settings,
                                const bt_pictures *pictures, bt_error *error) {
    out->output_is_folder = pictures->is_folder && !bt_segment_format_is_coco(settings->format);
    if (!settings->output[0] && out->output_is_folder)
        return bt_fail(error, BT_INVALID, "give a folder for the polygons of %d pictures, or --format coco",
                       pictures->count);
    if (!settings->output[0] && out->suffix[0])
        return bt_fail(error, BT_INVALID, "give a file: several networks do not share standard output");
    if (!settings->output[0]) return BT_OK;
    return out->output_is_folder ? resolve_folder(out->output, settings->output, error)
                                 : resolve_file(out->output, settings->output, out, pictures, error);
}

/* Where drawings go: a file, or of a folder of pictures a folder. */
static bt_status resolve_drawing(char out[BT_PATH_SIZE], const char *given, const bt_segment_outputs *outputs,
                                 const bt_segment_settings *settings, const bt_pictures *pictures,
                                 bt_error *error) {
    if (!given[0]) return BT_OK;
    if (!pictures->is_folder) return resolve_file(out, given, outputs, pictures, error);
    if (bt_path_is_same(given, settings->image))
        return bt_fail(error, BT_INVALID, "give another folder than the pictures' own");
    return resolve_folder(out, given, error);
}

static bt_status resolve_labels(bt_segment_outputs *out, const bt_segment_settings *settings,
                                const bt_pictures *pictures, bt_error *error) {
    if (settings->labels[0] && settings->overlay[0] && bt_path_is_same(settings->labels, settings->overlay))
        return bt_fail(error, BT_INVALID, "give another %s than the overlays', which have the same names",
                       pictures->is_folder ? "folder" : "file");
    bt_status status = resolve_drawing(out->labels, settings->labels, out, settings, pictures, error);
    if (status != BT_OK || !out->labels[0] || pictures->is_folder) return status;
    if (strcmp(out->labels, out->output) == 0 || strcmp(out->labels, out->overlay) == 0)
        return bt_fail(error, BT_INVALID, "give another file than the polygons' and the overlay's");
    return BT_OK;
}

bt_status bt_segment_outputs_resolve(bt_segment_outputs *out, const bt_segment_settings *settings,
                                     const bt_pictures *pictures, const char *model, bt_error *error) {
    *out = (bt_segment_outputs){0};
    if (settings->page > 0) snprintf(out->page, sizeof out->page, "-page%d", (int)settings->page);
    if (settings->models.count > 1) snprintf(out->suffix, sizeof out->suffix, "-%s", model);
    bt_status status = resolve_output(out, settings, pictures, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--output");
    out->is_geojson = settings->format == BT_SEGMENT_FORMAT_GEOJSON;
    out->drawings_in_folders = pictures->is_folder;
    status = resolve_drawing(out->overlay, settings->overlay, out, settings, pictures, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--overlay");
    status = resolve_labels(out, settings, pictures, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--labels");
}

bt_status bt_segment_output_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                 const bt_picture_file *picture, bt_error *error) {
    if (!outputs->output_is_folder) return bt_path_join(path, error, "%s", outputs->output);
    return bt_path_join(path, error, "%s/%s%s%s.%s", outputs->output, picture->stem, outputs->page,
                        outputs->suffix, outputs->is_geojson ? "geojson" : "json");
}

static bt_status drawing_path(char path[BT_PATH_SIZE], const char *where, const bt_segment_outputs *outputs,
                              const bt_picture_file *picture, bt_error *error) {
    if (!outputs->drawings_in_folders) return bt_path_join(path, error, "%s", where);
    return bt_path_join(path, error, "%s/%s%s%s.png", where, picture->stem, outputs->page, outputs->suffix);
}

bt_status bt_segment_overlay_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                  const bt_picture_file *picture, bt_error *error) {
    return drawing_path(path, outputs->overlay, outputs, picture, error);
}

bt_status bt_segment_labels_path(char path[BT_PATH_SIZE], const bt_segment_outputs *outputs,
                                 const bt_picture_file *picture, bt_error *error) {
    return drawing_path(path, outputs->labels, outputs, picture, error);
}

/* Whether `out` took it its owner asks, who then tells what is lost. */
static bt_status put_line(const json_t *json, FILE *out, bt_error *error) {
    bt_status status = bt_json_write(json, JSON_COMPACT | JSON_REAL_PRECISION(9), out, error);
    fflush(out);
    return status == BT_NOT_WRITTEN ? BT_OK : status;
}

bt_status bt_segment_write(json_t *json, const char *path, FILE *out, bt_error *error) {
    bt_status status = BT_OK;
    if (!json)
        status = bt_no_memory(error, "polygons as JSON");
    else if (path[0])
        status = bt_json_save(json, path, false, error);
    else
        status = put_line(json, out, error);
    json_decref(json);
    return status;
}
