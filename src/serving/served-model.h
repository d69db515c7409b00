/* What a service will run of one model: the config's entry under whatever was set over it.
 *
 * The service and the load test resolve this in one place, so that what is proved is what is served.
 * Strongest first: what was given, the model's entry and its own settings, the file's settings, the defaults
 * of the tuning's table. What holds for one model, its promise too, says nothing of another. */
#ifndef BT_SERVING_SERVED_MODEL_H
#define BT_SERVING_SERVED_MODEL_H

#include "backend/backend.h"
#include "backend/resolved-model.h"
#include "base/cores.h"
#include "base/error.h"
#include "record/config.h"
#include "settings/placement.h"
#include "settings/service.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_served_model {
    const bt_config_model *entry; /* the config's */
    bt_resolved_model resolved;
    bt_service_settings settings; /* every value in effect: no 0 or "" is left that means "the config's" */
    bt_placement placement;       /* at least one instance */
    char placement_note[240]; /* "", or what is to be said of it: it is cut to the cores, or beyond them */
    double placed_rps;        /* that it should hold beside the others; NaN: nobody placed it by that */
    bt_path path;             /* of the production lanes */
    bool use_amp, use_channels_last, use_cudnn_benchmark;
    bt_precision precision;         /* of the production lanes */
    char calibration[BT_PATH_SIZE]; /* of INT8: the file that the entry names; "" where it names none */
} bt_served_model;

/* `given` and who set it (anything but DEFAULT counts as given). BT_INVALID for an unknown model (the message
 * lists the config's), one that could not be measured (it says why), or a placement that cannot be; BT_UNSUPPORTED
 * for a precision that was measured and that this machine has not, BT_IO for a calibration that is gone. `config`
 * is borrowed by *out. Where they are to be placed by prediction, the placement is the config's yet. Instances that nobody asked for, but a tuning run chose where there were more cores,
 * are cut to those that there are. */
BT_MUST_USE bt_status bt_served_model_resolve(bt_served_model *out, const bt_config *config, const char *name,
                                              const bt_service_settings *given,
                                              const bt_option_sources *sources, const bt_cores *cores,
                                              bt_error *error);

/* What a lane of that path opens in that place. It borrows both, and the strings in them. */
bt_session_options bt_served_model_session(const bt_served_model *served, const bt_instance *place,
                                           bt_path path);

/* Whether it runs as its entry was measured (backend, image size, precision); else the entry's times say nothing. */
bool bt_served_model_is_measured(const bt_served_model *served);

/* Whether what was loaded, by its hash, is not what was measured, though nobody asked for anything else: the
 * entry's file was written anew with other numbers. False where either is not known (0). */
bool bt_served_model_has_changed(const bt_served_model *served, uint64_t weights_hash);

#ifdef __cplusplus
}
#endif
#endif
