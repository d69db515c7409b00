#include "tune/tuning.h"

#include <math.h>

#include "base/clock.h"
#include "record/config.h"
#include "tune/resolve.h"

/* The least that a worker has for one step, in seconds, before it counts as hung. Higher: a hang costs that much
 * more; lower: a first run of a large network on a slow CPU is taken for one. */
#define ANSWER_WITHIN_S 120

/* What INT8's masks are to agree by where somebody asked for it: more than must be, since groups of activations
 * that stay in floats cost little (5 % of CBAM-ResUNet's time took its agreement from 0.991 to 0.996). Higher keeps
 * more of them in floats; lower leaves pictures with little on them behind. */
#define INT8_AIM_IOU 0.995

/* The most progress that is told before all models are done. */
#define ALMOST_DONE 0.999

bt_status bt_tuning_init(bt_tuning *out, const bt_optimize_options *options, bt_record *record, int index,
                         double before, double share, bt_error *error) {
    bt_model_record *model = &record->models[index];
    char name[BT_CALIBRATION_NAME_SIZE];
    *out = (bt_tuning){.options = options,
                       .resolved = &options->models[index],
                       .model = model,
                       .progress_from = before + share * index / record->model_count,
                       .progress_share = share / record->model_count};
    const char *folder = options->run ? bt_run_folder(options->run) : options->folder;
    bt_status status = bt_path_join(out->worker_log, error, "%s/worker-%s.txt", folder, model->model);
    if (status != BT_OK) return status;
    if (status == BT_OK)
        status = bt_path_join(out->reference, error, "%s/reference-%s.f32", folder, model->model);
    if (status != BT_OK) return status;
    bt_config_calibration_name(name, options->settings->output, model->model);
    return bt_path_join(out->calibration, error, "%s/%s", folder, name);
}

bt_status bt_tuning_record(bt_record **out, const bt_optimize_options *options, bt_error *error) {
    bt_status status = bt_record_open(out, options->settings->models.count, error);
    if (status != BT_OK) return status;
    (*out)->settings = *options->settings;
    (*out)->sources = *options->sources;
    status = bt_resolve_models(*out, options->models, NULL, error);
    if (status != BT_OK) bt_record_close(out);
    return status;
}

bt_probe_options bt_tuning_probe(const bt_tuning *tuning, const bt_contender *contender) {
    bt_precision precision = BT_PRECISION_AUTO;
    const bt_settings *settings = tuning->options->settings;
    const bt_model_record *model = tuning->model;
    bt_precision_find(&precision, contender->precision);
    return (bt_probe_options){
        .worker_program = tuning->options->worker_program,
        .worker_log = tuning->worker_log,
        .session = {.backend = settings->backend,
                    .model = model->model,
                    .model_file = model->model_file,
                    .weights = model->weights_path[0] ? model->weights_path : model->weights_source,
                    .device = settings->device,
                    .path = (bt_path)settings->path,
                    .height = model->image_size,
                    .width = model->image_size,
                    .threads = contender->threads,
                    .use_amp = settings->use_amp,
                    .use_channels_last = contender->channels_last,
                    .use_cudnn_benchmark = settings->use_cudnn_benchmark,
                    .precision = precision,
                    .calibration = tuning->calibration},
        .instances = contender->instances,
        .full_size = BT_FULL_IMAGE_SIZE,
        .images = settings->images,
        .wishes = {.white = settings->white, .page = (int)settings->page},
        .seed = settings->seed,
        .min_mask_iou = bt_precision_wants_int8((bt_precision)settings->precision)
                            ? fmax(settings->min_mask_iou, INT8_AIM_IOU)
                            : settings->min_mask_iou,
        .reference = tuning->reference,
        .answer_within_s =
            fmax(ANSWER_WITHIN_S, bt_ms(settings->time_budget_ns) / 1e3 / settings->models.count),
        .stop = tuning->options->stop,
    };
}

bt_status bt_tuning_open_probe(bt_probe **out, const bt_tuning *tuning, const bt_contender *contender,
                               bt_error *error) {
    const bt_probe_options options = bt_tuning_probe(tuning, contender);
    return bt_probe_open(out, &options, error);
}

bool bt_tuning_stopped(const bt_optimize_options *options) {
    return options->stop && *options->stop;
}

void bt_tuning_progress(const bt_tuning *tuning, double fraction, const char *what, const char *doing) {
    const double done = tuning->progress_from + tuning->progress_share * fraction;
    bt_log_progress(tuning->options->log, bt_clock_now_ns(), fmin(done, ALMOST_DONE), "%s: %s%s",
                    tuning->model->title, what, doing);
}
