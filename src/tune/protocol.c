#include "tune/protocol.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/text.h"
#include "record/config.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

/* ---- orders ---- */

static const bt_field order_fields[] = {
    {BT_FIELD(TEXT, bt_open_order, backend)},
    {BT_FIELD(TEXT, bt_open_order, model)},
    {BT_FIELD(TEXT, bt_open_order, model_file)},
    {BT_FIELD(TEXT, bt_open_order, weights)},
    {BT_FIELD(TEXT, bt_open_order, device)},
    {BT_FIELD(INTEGER, bt_open_order, path), .minimum = BT_PATH_STANDARD, .maximum = BT_PATH_PRODUCTION},
    {BT_FIELD(INTEGER, bt_open_order, height), .minimum = 1, .maximum = 16384},
    {BT_FIELD(INTEGER, bt_open_order, width), .minimum = 1, .maximum = 16384},
    {BT_FIELD(INTEGER, bt_open_order, threads), .minimum = 0, .maximum = 1024},
    {BT_FIELD(INTEGER, bt_open_order, instances), .minimum = 1, .maximum = BT_INSTANCES_MAX},
    {BT_FIELD(SWITCH, bt_open_order, use_amp)},
    {BT_FIELD(SWITCH, bt_open_order, use_channels_last)},
    {BT_FIELD(SWITCH, bt_open_order, use_cudnn_benchmark)},
    {BT_FIELD(INTEGER, bt_open_order, precision), .minimum = 0, .maximum = BT_PRECISION_COUNT - 1},
    {BT_FIELD(TEXT, bt_open_order, calibration)},
    {BT_FIELD(TEXT, bt_open_order, reference)},
    {BT_FIELD(NUMBER, bt_open_order, min_mask_iou), .minimum = 0, .maximum = 1},
    {BT_FIELD(TEXT, bt_open_order, images)},
    {BT_FIELD(NUMBER, bt_open_order, white), .minimum = 0, .maximum = 65535},
    {BT_FIELD(INTEGER, bt_open_order, page)},
    {BT_FIELD(BIG, bt_open_order, seed)},
    {BT_FIELD(INTEGER, bt_open_order, neighbour_batch_size), .optional = true, .maximum = BT_BATCH_MAX},
};

static bool copy_text(char *out, size_t size, const char *text) {
    return (size_t)snprintf(out, size, "%s", text ? text : "") < size;
}

bt_status bt_open_order_make(bt_open_order *out, const bt_session_options *session, int instances,
                             bt_error *error) {
    *out = (bt_open_order){.path = session->path,
                           .height = session->height,
                           .width = session->width,
                           .threads = session->threads,
                           .instances = instances,
                           .use_amp = session->use_amp,
                           .use_channels_last = session->use_channels_last,
                           .use_cudnn_benchmark = session->use_cudnn_benchmark,
                           .precision = session->precision};
    const bool fits = copy_text(out->backend, sizeof out->backend, session->backend) &&
                      copy_text(out->model, sizeof out->model, session->model) &&
                      copy_text(out->model_file, sizeof out->model_file, session->model_file) &&
                      copy_text(out->weights, sizeof out->weights, session->weights) &&
                      copy_text(out->device, sizeof out->device, session->device) &&
                      copy_text(out->calibration, sizeof out->calibration, session->calibration);
    return fits ? BT_OK : bt_fail(error, BT_INVALID, "a path of %.60s... is too long", session->model);
}

bt_session_options bt_open_order_session(const bt_open_order *order) {
    return (bt_session_options){.backend = order->backend,
                                .model = order->model,
                                .model_file = order->model_file,
                                .weights = order->weights,
                                .device = order->device,
                                .path = (bt_path)order->path,
                                .height = order->height,
                                .width = order->width,
                                .threads = order->threads,
                                .use_amp = order->use_amp,
                                .use_channels_last = order->use_channels_last,
                                .use_cudnn_benchmark = order->use_cudnn_benchmark,
                                .precision = (bt_precision)order->precision,
                                .calibration = order->calibration};
}

/* Adds one member more, whose reference it takes over, to an object that may have failed already. */
static json_t *with(json_t *object, const char *key, json_t *value) {
    if (object && json_object_set_new(object, key, value) == 0) return object;
    if (!object) json_decref(value);
    json_decref(object);
    return NULL;
}

json_t *bt_open_order_to_json(const bt_open_order *order) {
    return with(bt_fields_to_json(order_fields, COUNT_OF(order_fields), order), "order",
                json_string(order->neighbour_batch_size > 0 ? "neighbour" : "open"));
}

json_t *bt_step_order_to_json(const bt_step *step) {
    return with(bt_step_to_json(step), "order", json_string("step"));
}

const char *bt_order_kind(const json_t *order) {
    return json_string_value(json_object_get(order, "order"));
}

bt_status bt_open_order_from_json(const json_t *json, bt_open_order *order, bt_error *error) {
    return bt_fields_read(order_fields, COUNT_OF(order_fields), json, order, "open order", error);
}

/* ---- answers ---- */

static const bt_field info_fields[] = {
    {BT_FIELD(TEXT, bt_session_info, backend)},
    {BT_FIELD(TEXT, bt_session_info, backend_detail)},
    {BT_FIELD(TEXT, bt_session_info, device)},
    {BT_FIELD(TEXT, bt_session_info, precision)},
    {BT_FIELD(TEXT, bt_session_info, precision_note)},
    {BT_FIELD(TEXT, bt_session_info, path_note)},
    {BT_FIELD(TEXT, bt_session_info, weights)},
    {BT_FIELD(TEXT, bt_session_info, weights_note), .optional = true}, /* journals of before have none */
    {BT_FIELD(TEXT, bt_session_info, found_note), .optional = true},
    {BT_FIELD(INTEGER, bt_session_info, classes), .optional = true},
    {BT_FIELD(INTEGER, bt_session_info, threads), .minimum = 0, .maximum = 65536},
    {BT_FIELD(INTEGER, bt_session_info, only_batch_size), .minimum = 0, .maximum = 65536},
    {BT_FIELD(SWITCH, bt_session_info, trained_weights)},
    {BT_FIELD(SWITCH, bt_session_info, computes_masks)},
    {BT_FIELD(SWITCH, bt_session_info, device_memory)},
};

/* The hash stands in journals as a signed number, which no field of a table is. */
json_t *bt_worker_facts_to_json(const bt_worker_facts *facts) {
    json_t *json = bt_fields_to_json(info_fields, COUNT_OF(info_fields), &facts->info);
    json = with(json, "weights_hash", json_integer((json_int_t)facts->info.weights_hash));
    return with(json, "total_memory_bytes", json_integer(facts->total_memory_bytes));
}

bt_status bt_worker_facts_from_json(const json_t *json, bt_worker_facts *facts, bt_error *error) {
    static const char where[] = "worker's session";
    int64_t hash = 0;
    *facts = (bt_worker_facts){.total_memory_bytes = 0};
    bt_status status = bt_fields_read(info_fields, COUNT_OF(info_fields), json, &facts->info, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "weights_hash", INT64_MIN, INT64_MAX, &hash, where, error);
    if (status == BT_OK)
        status = bt_json_integer(json, "total_memory_bytes", 0, INT64_MAX, &facts->total_memory_bytes, where,
                                 error);
    facts->info.weights_hash = (uint64_t)hash;
    return status;
}

json_t *bt_opened_answer(const bt_worker_facts *facts) {
    return with(bt_worker_facts_to_json(facts), "status", json_integer(BT_OK));
}

json_t *bt_refused_answer(const bt_error *error) {
    return json_pack("{s:i, s:s}", "status", (int)error->status, "message", error->message);
}

bt_status bt_opened_from_answer(const json_t *answer, bt_worker_facts *facts, bt_error *error) {
    static const char where[] = "worker's answer";
    char message[BT_ERROR_MESSAGE_SIZE];
    int64_t opened;
    bt_status status = bt_json_integer(answer, "status", BT_OK, BT_UNSUPPORTED, &opened, where, error);
    if (status != BT_OK) return status;
    if (opened == BT_OK) return facts ? bt_worker_facts_from_json(answer, facts, error) : BT_OK;
    status = bt_json_text(answer, "message", message, sizeof message, where, error);
    return status == BT_OK ? bt_fail(error, (bt_status)opened, "%s", message) : status;
}

/* ---- lines ---- */

bt_status bt_line_send(int socket, json_t *object, bt_error *error) {
    char *text = object ? bt_json_dump(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text) return bt_no_memory(error, "a line between optimize-batch and its worker");
    bt_status status = BT_OK;
    const size_t size = strlen(text) + 1;
    text[size - 1] = '\n'; /* in the terminator's place */
    for (size_t done = 0; done < size && status == BT_OK;) {
        const ssize_t sent = send(socket, text + done, size - done, MSG_NOSIGNAL);
        if (sent > 0)
            done += (size_t)sent;
        else if (sent == 0 || errno != EINTR)
            status = bt_fail(error, BT_IO, "cannot send a line: %s", bt_text_system_error(errno));
    }
    free(text);
    return status;
}
