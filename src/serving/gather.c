/* A batch's inputs, brought to where its run reads them. */
#include <string.h>

#include "image/resize.h"
#include "serving/state.h"

/* Sends one as it is to a device that makes images of pictures itself. */
static bt_status send(bt_worker_lane *lane, int row, bt_error *error) {
    const bt_image_norm *norm = &lane->service->models[lane->model].served.resolved.model.norm;
    const bt_request *request = &lane->shared.requests[row];
    bool *tame = &lane->own.tame[row];
    *tame = true;
    if (request->tensor)
        return bt_session_put_tensor(lane->own.session, row, request->tensor, request->tensor_type, tame,
                                     error);
    return bt_session_put_picture(lane->own.session, row, request->image, request->height, request->width,
                                  norm, error);
}

static bt_status send_all(bt_worker_lane *lane, const bt_action *work, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < work->count && status == BT_OK; i++)
        status = send(lane, i, error);
    return status;
}

/* Between the socket and the backend a picture of bytes is copied once (http/exchange.c: into the body) and read
 * once more here; a tensor of floats is copied twice, the second time here, or by send into what the device reads. */
static void prepare(bt_worker_lane *lane, int row) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_request *request = &lane->shared.requests[row];
    const size_t values = 3 * (size_t)model->height * (size_t)model->width;
    float *image = lane->own.images + values * (size_t)row;
    lane->own.tame[row] = true;
    if (request->tensor)
        lane->own.tame[row] = bt_tensor_copy(image, request->tensor, request->tensor_type, values);
    else
        bt_image_prepare(request->image, request->height, request->width, &model->served.resolved.model.norm,
                         image, model->height, model->width, lane->own.image_threads, lane->own.scratch);
}

static void prepare_all(bt_worker_lane *lane, const bt_action *work) {
    const bt_service_model *model = &lane->service->models[lane->model];
    size_t pixels = (size_t)model->height * (size_t)model->width;
    for (int i = 0; i < work->count; i++)
        prepare(lane, i);
    /* rows of padding compute the last image again: no stale picture, no garbage that could overflow */
    for (int i = work->count; i < work->run_size; i++)
        memcpy(lane->own.images + 3 * pixels * (size_t)i,
               lane->own.images + 3 * pixels * (size_t)(work->count - 1),
               3 * pixels * sizeof *lane->own.images);
}

bt_status bt_lane_gather(bt_worker_lane *lane, const bt_action *work, bt_error *error) {
    if (lane->found.session.takes_pictures) return send_all(lane, work, error);
    prepare_all(lane, work);
    return BT_OK;
}
