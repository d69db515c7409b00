/* batchtune's service: segmentation networks behind a queue that groups requests into batches.
 *
 * This is the library's public header, with batchtune-polygons.h, which it includes; nothing else need be
 * installed. A service reads the config file that `optimize-batch` wrote, loads each model once for every
 * instance, and answers requests from any number of threads under the config's batch size and queue delay:
 *
 *     bt_service *service = bt_service_shared();
 *     bt_request request = {.image = rgb, .height = h, .width = w, .model = "hrnet", .mask = mask};
 *     bt_status status = bt_service_start(service, &error);
 *     if (status == BT_OK) status = bt_service_infer(service, &request, &result, &error);
 *     if (status != BT_OK) fprintf(stderr, "%s\n", error.message);
 *
 * Every request that is taken gets exactly one answer: a result, or one clear error. The library never prints
 * and never exits. All functions may be called from any thread unless one says otherwise. The host's locale
 * stays its own: numbers are read and written with a dot and messages are in English, whatever setlocale was
 * told. */
#ifndef BATCHTUNE_H
#define BATCHTUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_API      __attribute__((visibility("default")))
#define BT_MUST_USE __attribute__((warn_unused_result))

/* ---- what went wrong ---- */

typedef enum bt_status {
    BT_OK = 0,
    BT_INVALID,              /* the caller's input is wrong: a flag, a key, an argument */
    BT_NO_MEMORY,            /* host memory ran out */
    BT_IO,                   /* a file, pipe or process could not be read, written or started */
    BT_PARSE,                /* outside bytes do not say what they should */
    BT_TIMEOUT,              /* a deadline passed, or could not have been kept */
    BT_QUEUE_FULL,           /* a bounded queue is at its bound */
    BT_CLOSED,               /* the other side is gone or was stopped */
    BT_BACKEND,              /* the inference runtime failed */
    BT_OUT_OF_DEVICE_MEMORY, /* the device's memory ran out; the process is still usable */
    BT_UNSUPPORTED,          /* this machine or build cannot do it */
    BT_CANCELLED,            /* the caller took the request back */
    BT_NOT_WRITTEN           /* what was made found no room: a full or failing disk, a closed stream */
} bt_status;

#define BT_ERROR_MESSAGE_SIZE 256

typedef struct bt_error {
    bt_status status;
    char message[BT_ERROR_MESSAGE_SIZE]; /* one line, no trailing newline, cut with "..." when too long */
} bt_error;

/* The status's name in lower case ("out of device memory"); never NULL. */
BT_API const char *bt_status_name(bt_status status);

BT_API const char *bt_version(void); /* "0.1.0" */

/* sizeof one of this header's structs, by its name ("bt_request"); 0: unknown. Whoever declares the structs in
 * another language compares before the first call, so that another layout is refused and not misread. */
BT_API size_t bt_size_of(const char *type);

/* ---- a service's life ---- */

typedef struct bt_service bt_service;

typedef struct bt_service_options {
    /* The config file; NULL: $BATCHTUNE_CONFIG, else configs/production_batch_config.json. */
    const char *config;
    /* "hrnet,cbam_resunet"; NULL: all that the config has. */
    const char *models;
    /* "key=value,key=value" over the config's own values; NULL: none. The keys are those of bt_service_help.
     * A value that holds a comma stands in double quotes: instances="cuda:0,cuda:1".
     * A network of your own that was tuned is served by its name alone, from the file that the config says;
     * "model_file=mine=net.pt;other=net-{batch}.pt2" gives other files, net.onnx too. They are programs, and run as
     * such: give only files that you trust. */
    const char *settings;
} bt_service_options;

/* The process's one service, with default options; made at the first call, closed at exit by nobody. NULL
 * where it cannot be opened (there is no config yet, say): bt_service_start then says why, and the next call
 * tries again. */
BT_API bt_service *bt_service_shared(void);

/* A service of your own: reads and checks the config, loads nothing yet. `options` may be NULL and is not
 * kept. BT_IO where there is no config (the message says how to make one), BT_PARSE or BT_INVALID where it or
 * a setting is wrong, BT_NO_MEMORY. The caller closes it. */
BT_API BT_MUST_USE bt_status bt_service_open(bt_service **out, const bt_service_options *options,
                                             bt_error *error);

/* Loads every model on each of its instances, runs every batch size of the ladder once, and returns when all
 * are warm: seconds to minutes. BT_INVALID for a service that runs already (start it once), BT_CLOSED for one
 * that was stopped, else as the backend says. After a failure it may be started again. */
BT_API BT_MUST_USE bt_status bt_service_start(bt_service *service, bt_error *error);

/* Takes no more requests, waits at most `drain_ms` for those it has, answers the rest with BT_CLOSED and ends the
 * threads. BT_TIMEOUT where some had to be given up; BT_CLOSED the second time. A backend call that hangs is left
 * behind with its memory. */
BT_API BT_MUST_USE bt_status bt_service_stop(bt_service *service, double drain_ms, bt_error *error);

/* Stops, without waiting for the queue, and frees. NULL-safe; nulls. No other call may be under way. */
BT_API void bt_service_close(bt_service **service);

/* ---- what it serves ---- */

/* One model as it is served: what a caller may want to know before it asks. */
typedef struct bt_model_facts {
    char name[64];
    int input_height, input_width; /* pixels: what every image is resized to for the network */
    int tuned_size;     /* the side that the config's figures were measured at; 0: it does not say */
    bool demonstration; /* nobody asked for that input: a CPU's demonstration was tuned at it, a small one */
    int batch_size, max_queue_size, instance_count;
    double max_queue_delay_ms, p95_sla_ms, timeout_ms;
    char policy[16];   /* how batches are formed: "delay" or "adaptive" */
    char precision[8]; /* of the production path: "fp32", "bf16", ...; "" until it was started */
    /* For people: which network was taken of a checkpoint that holds several, where nobody chose, and how to
     * choose; else, and until it was started, "". */
    char weights_note[256];
    bool changed_weights; /* once started: the config's checkpoint, or model file, is another than measured */
    int class_count;      /* once started: the classes that it tells apart; 1: one mask */
} bt_model_facts;

/* Fills `out` (may be NULL where `room` is 0) with the present facts of the first `room` models, in their order, and
 * returns how many models there are: 0 for no service. From open on. */
BT_API int bt_service_models(bt_service *service, bt_model_facts *out, int room);

/* What class `number` of a model is called, where its description says so ("class 3" where not), and its colour: red,
 * green and blue, 0..255. BT_INVALID for an unknown model, and for a number below 0 or above 255. From open on. */
BT_API BT_MUST_USE bt_status bt_service_class(bt_service *service, const char *model, int number,
                                              char name[64], uint8_t rgb[3], bt_error *error);

/* ---- requests ---- */

/* What a ready tensor's values are; of this machine's byte order. */
typedef enum bt_tensor_type { BT_TENSOR_FP32, BT_TENSOR_FP16 } bt_tensor_type;

typedef struct bt_request {
    const uint8_t *image; /* height x width x 3 bytes, RGB, rows without gaps; read until the answer */
    int height, width;    /* pixels; 1..16384 each */
    const char *model;    /* "hrnet" */
    float threshold;      /* of the probability, in (0, 1); 0: 0.5 */
    double timeout_ms;    /* from the call; 0: the service's timeout_ms (0 there: none) */
    /* Where the result goes, height x width each: the caller's, written before the answer; NULL: not
     * wanted. */
    uint8_t *mask;        /* 1 where the probability is above the threshold, else 0 */
    float *probabilities; /* in [0, 1] */
    bool standard_path;   /* skip the production path: FP32, one image at a time; for comparison */
    /* In place of `image`, at any address: the network's input, red, green and blue plane, normalised, of the
     * model's own input size. With values that no picture has (NaN, infinite, beyond 65504) it is answered with
     * whatever the network makes of them, which may be NaN. */
    const void *tensor;
    bt_tensor_type tensor_type;
    /* As `mask`: what the network gives, of the model's input size whatever the picture's (of one that has its
     * sigmoid in it, probabilities). */
    float *logits;
    /* 1 goes first, 3 last; 0: 2. It overtakes those of the next that came up to 10 s before, and no others. */
    int priority;
    /* As `mask`, of a model of several classes: the class of each pixel, from 0, as argmax has it; where each class has a
     * sigmoid of its own, BT_NO_LABEL where none is above the threshold. Of one class: its mask. */
    uint8_t *labels;
    /* Likewise, class_count planes of height x width: the probability of each class. Of one class: `probabilities`. */
    float *class_probabilities;
} bt_request;

#define BT_NO_LABEL 255

typedef struct bt_result {
    const char *inference_mode; /* "production_optimized" or "standard_fallback"; static */
    int batch_size;             /* requests that ran together */
    int run_size;               /* images that ran: more than batch_size where the batch was padded */
    int instance;
    int input_height, input_width; /* pixels that the network ran at, whatever the image's own size */
    double queue_ms;               /* from the call until its batch began, the wait for the device included */
    double preprocess_ms;  /* resizing and normalising its whole batch, and turning logits into masks */
    double deliver_ms;     /* of preprocess_ms, what turning logits into masks took */
    double service_ms;     /* its batch's service time */
    double latency_ms;     /* from the call to the answer */
    double p95_latency_ms; /* of the model, over the window of its metrics; NaN until known */
    uint64_t ticket;
} bt_result;

/* Answers one request: `error` is NULL where it went well, else its status and message are the answer and
 * `result` holds what is known of it (times; inference_mode is then ""). Called once for each request that
 * bt_service_submit took, on one of the service's threads (or, for a cancelled one, on that of the caller):
 * be brief, since others wait behind it. Both arguments are gone when it returns. It may submit again; it
 * must not stop or close the service. */
typedef void (*bt_answer)(void *context, const bt_result *result, const bt_error *error);

/* Runs one request and waits for its answer. BT_INVALID for what is wrong with the request (an empty or
 * absurd image, a tensor of another size than the network's input, a threshold that is no probability, an
 * unknown model: the message lists the known),
 * BT_QUEUE_FULL at once where the queue is full, BT_TIMEOUT at its deadline, or at once where it could not be
 * kept (`admission`), BT_CLOSED before start and after stop, BT_BACKEND or BT_OUT_OF_DEVICE_MEMORY where
 * every path failed. `result` may be NULL. */
BT_API BT_MUST_USE bt_status bt_service_infer(bt_service *service, const bt_request *request,
                                              bt_result *result, bt_error *error);

/* The same without waiting: returns BT_OK where the request is taken, and `answer` will be called with
 * `context`; else the status says why not, and `answer` will not be called. The request struct is copied,
 * what it points to is not. `ticket` (may be NULL) receives the request's number, known before the answer is
 * called. */
BT_API BT_MUST_USE bt_status bt_service_submit(bt_service *service, const bt_request *request,
                                               bt_answer answer, void *context, uint64_t *ticket,
                                               bt_error *error);

/* Takes a request back: its answer is BT_CANCELLED, at once unless its image is just being read. BT_INVALID
 * where it has been answered already. */
BT_API BT_MUST_USE bt_status bt_service_cancel(bt_service *service, uint64_t ticket, bt_error *error);

/* Changes settings of one model (NULL: all) while it runs: "batch_size=4,max_queue_delay_ms=2,p95_sla_ms=80".
 * BT_INVALID, and nothing is changed, for a key that is unknown or fixed under way, or a value out of bounds. */
BT_API BT_MUST_USE bt_status bt_service_set(bt_service *service, const char *model, const char *settings,
                                            bt_error *error);

/* The keys of `settings` as text for people. A new string, to be freed by bt_free; NULL when memory is short. */
BT_API char *bt_service_help(void);

/* ---- answers without callbacks ---- */

/* An inbox holds answers until somebody fetches them. It is for event loops, and for languages whose code
 * must not run on the service's threads: those put an answer here without a lock, an allocation or a wait,
 * and a descriptor becomes readable. Whoever watches it takes the answers, on a thread of its own:
 *
 *     bt_inbox_open(&inbox, 100, &error);
 *     bt_inbox_submit(inbox, service, &request, 7, NULL, &error);
 *     poll(&(struct pollfd){.fd = bt_inbox_fd(inbox), .events = POLLIN}, 1, -1);
 *     int count = bt_inbox_take(inbox, answers, 16);     (answers[0].tag is 7)
 *
 * One inbox serves any number of services, models and threads; a loop has its own. */
typedef struct bt_inbox bt_inbox;

typedef struct bt_inbox_answer {
    uint64_t tag;     /* as given to bt_inbox_submit */
    bt_result result; /* as in bt_answer */
    bt_error error;   /* error.status is BT_OK, and the message empty, where it went well */
} bt_inbox_answer;

/* `room`: requests whose answers have not been taken yet, 1 to 1048576; all memory (about 400 bytes each) is
 * had now. BT_INVALID, BT_NO_MEMORY, BT_IO where the process has no descriptor left. The caller closes it. */
BT_API BT_MUST_USE bt_status bt_inbox_open(bt_inbox **out, int room, bt_error *error);

/* Drops what was not taken. Answers still on their way are dropped as they come, and the last one frees the inbox;
 * what their requests read and write must live until then, so that it is better to take every answer first
 * (bt_service_cancel hastens it). Closes the descriptor. NULL-safe; nulls. No other call may be under way. */
BT_API void bt_inbox_close(bt_inbox **inbox);

/* Readable (poll, select, epoll, level-triggered) while there are answers to take; now and then once more for
 * nothing. An eventfd, the inbox's: only wait for it. */
BT_API int bt_inbox_fd(const bt_inbox *inbox);

/* bt_service_submit, answered here; `tag` is the caller's own. Errors as there, and BT_QUEUE_FULL where the
 * inbox has no room left. What is refused is not answered. */
BT_API BT_MUST_USE bt_status bt_inbox_submit(bt_inbox *inbox, bt_service *service, const bt_request *request,
                                             uint64_t tag, uint64_t *ticket, bt_error *error);

/* Takes up to `room` answers, in the order in which they came, and returns how many. Never waits. */
BT_API int bt_inbox_take(bt_inbox *inbox, bt_inbox_answer *answers, int room);

/* ---- metrics ---- */

#define BT_METRICS_BATCHES   64 /* batch sizes that are told apart; larger ones count in the last */
#define BT_METRICS_INSTANCES 16

/* Milliseconds; NaN where nothing was seen. Percentiles are nearest-rank, right to three digits. */
typedef struct bt_metrics_latency {
    uint64_t count;
    double mean, p50, p95, p99, max;
} bt_metrics_latency;

typedef struct bt_metrics_instance {
    char device[64];
    char breaker[16];   /* "closed", "open", "half-open" */
    double utilisation; /* share of the window in which it ran, 0..1 */
    uint64_t runs, failed_runs;
    int64_t device_memory_bytes, device_memory_total_bytes; /* 0 where unknown, or on a CPU */
    double gpu_utilisation;                                 /* 0..1 as NVML says; NaN without one */
} bt_metrics_instance;

/* Everything is of one model. "Windowed" is the last metrics_window_seconds (60 unless set otherwise). */
typedef struct bt_metrics {
    char model[64];
    double uptime_s, window_s;                       /* window_s: how much of the window has passed yet */
    bt_metrics_latency latency, latency_since_start; /* of answered requests, from the call */
    bt_metrics_latency queue, preprocess, service;   /* its parts, windowed; service: of a request's batch */
    double throughput_imgs_per_sec, throughput_since_start; /* answered well, by wall-clock time */
    /* demand: what ended, windowed; capacity: the random rate that keeps the promise (docs/monitoring.md; NaN:
     * unknown); headroom: 1 - demand / capacity */
    double demand_rps, capacity_rps, headroom;
    int queue_size, queue_limit, in_flight; /* waiting; may wait; taken and not answered */
    int batch_size;                         /* the largest that is formed */
    uint64_t batches[BT_METRICS_BATCHES];   /* [b - 1]: production runs of b requests, since start */
    double mean_batch_size;                 /* since start; NaN without a run */
    double batch_fill;                      /* requests / images that ran, padding included, since start */
    double utilisation;                     /* the instances' mean */
    /* Requests since start: submitted = ok + rejected_* + expired + cancelled + failed + in_flight. */
    uint64_t submitted, ok, rejected_full, rejected_deadline, rejected_closed, expired, cancelled, failed;
    uint64_t within_sla, fallback, standard_runs; /* of ok: in time; by the standard path; its good runs */
    uint64_t run_exceptions, run_non_finite, run_out_of_memory, run_timeouts; /* failed production runs */
    uint64_t breaker_opened;                                                  /* times */
    bt_metrics_instance instances[BT_METRICS_INSTANCES];
    int instance_count;
    double p95_sla_ms;
    bool meets_sla; /* windowed P95 <= p95_sla_ms; true while nothing was seen */
    int64_t process_memory_bytes, process_memory_peak_bytes;
    /* Of INT8: the share of activations, in a sample of all runs of the instance that ran last, which lay beyond
     * the calibrated range and were cut off there. NaN of other precisions, and until it ran. */
    double saturated_fraction;
} bt_metrics;

/* One model's figures of this moment; costs some 100 us. BT_INVALID for an unknown model, BT_CLOSED before
 * start. After stop the last figures stay readable. */
BT_API BT_MUST_USE bt_status bt_service_metrics(bt_service *service, const char *model, bt_metrics *metrics,
                                                bt_error *error);

/* All models' figures as one JSON object ({"hrnet": {"p95_latency_ms": ..., "throughput_imgs_per_sec": ...,
 * ...}, ...}) or in Prometheus's text format (batchtune_... with a label `model`, in seconds and bytes; serve
 * it as "text/plain; version=0.0.4; charset=utf-8"). A new string, to be freed by bt_free. Errors as
 * bt_service_metrics; BT_NO_MEMORY. */
BT_API BT_MUST_USE bt_status bt_service_metrics_json(bt_service *service, char **out, bt_error *error);
BT_API BT_MUST_USE bt_status bt_service_metrics_prometheus(bt_service *service, char **out, bt_error *error);

/* Frees a string that this library made; NULL-safe. */
BT_API void bt_free(char *text);

#ifdef __cplusplus
}
#endif

#include "batchtune-polygons.h"
#endif
