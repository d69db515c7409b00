/* libtriton_batchtune.so: the tuned models inside NVIDIA's Triton, as a backend of its C interface.
 *
 * `export-triton` writes a repository whose models name it. A model of the repository is a service of one model: it is
 * opened from the config that lies in the model's folder and warm before Triton calls the model ready. Triton's own queue
 * forms the batches; each comes here as a list of requests, goes to the service whole, and holds its Triton instance until
 * it is answered. So Triton has as many instances of a model as the service has lanes.
 *
 * A request has "image", pictures as they are (UINT8, N x height x width x 3), and gets of mask, probabilities, labels,
 * class_probabilities and logits those that it asks for, as over batchtune's own HTTP; its parameter "threshold" counts.
 * What is wrong with a request is its own answer, and the others of its batch go on. */
#include "triton.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "batchtune.h"
#include "export/triton.h"
#include "serving/serving.h"

#define DRAIN_MS 10000.0

/* What one model of the repository is here: Triton's state of it. */
typedef struct model {
    bt_service *service;
    char name[64]; /* in the config */
    bt_model_facts facts;
} model;

/* ---- errors ---- */

static TRITONSERVER_Error *to_triton(const bt_error *error) {
    TRITONSERVER_Error_Code code = TRITONSERVER_ERROR_INTERNAL;
    if (error->status == BT_OK) return NULL;
    if (error->status == BT_INVALID || error->status == BT_PARSE) code = TRITONSERVER_ERROR_INVALID_ARG;
    if (error->status == BT_UNSUPPORTED) code = TRITONSERVER_ERROR_UNSUPPORTED;
    if (error->status == BT_QUEUE_FULL || error->status == BT_TIMEOUT || error->status == BT_CLOSED)
        code = TRITONSERVER_ERROR_UNAVAILABLE;
    return TRITONSERVER_ErrorNew(code, error->message);
}

/* Triton's own words are lost: they name nothing that a user could put right. */
static bt_status check(TRITONSERVER_Error *error, const char *what, bt_error *out) {
    if (!error) return BT_OK;
    TRITONSERVER_ErrorDelete(error);
    return bt_fail(out, BT_BACKEND, "Triton does not give %s", what);
}

static void drop(TRITONSERVER_Error *error) {
    if (error) TRITONSERVER_ErrorDelete(error);
}

/* ---- a model's life ---- */

TRITONSERVER_Error *TRITONBACKEND_Initialize(TRITONBACKEND_Backend *backend) {
    uint32_t major = 0, minor;
    bt_error error;
    (void)backend;
    if (check(TRITONBACKEND_ApiVersion(&major, &minor), "its version", &error) != BT_OK)
        return to_triton(&error);
    if (major == TRITONBACKEND_API_VERSION_MAJOR) return NULL;
    bt_fail(&error, BT_UNSUPPORTED, "batchtune is for version %d of Triton's backend interface, this is %u",
            TRITONBACKEND_API_VERSION_MAJOR, major);
    return to_triton(&error);
}

/* A parameter of config.pbtxt, into `out`; "" where there is none. */
static bt_status read_parameter(const json_t *config, const char *name, char *out, size_t size,
                                bt_error *error) {
    const json_t *parameter = json_object_get(json_object_get(config, "parameters"), name);
    const char *text = json_string_value(json_object_get(parameter, "string_value"));
    if (text && strlen(text) >= size)
        return bt_fail(error, BT_INVALID, "the parameter \"%s\" is too long", name);
    snprintf(out, size, "%s", text ? text : "");
    return BT_OK;
}

static bt_status read_config(TRITONBACKEND_Model *of, json_t **out, bt_error *error) {
    TRITONSERVER_Message *message;
    const char *text;
    size_t size;
    json_error_t ignored;
    bt_status status = check(TRITONBACKEND_ModelConfig(of, 1, &message), "a model's configuration", error);
    if (status != BT_OK) return status;
    status =
        check(TRITONSERVER_MessageSerializeToJson(message, &text, &size), "a configuration's text", error);
    if (status == BT_OK) {
        *out = json_loadb(text, size, 0, &ignored);
        if (!*out)
            status = bt_fail(error, BT_BACKEND, "Triton gives a model's configuration that is no JSON");
    }
    drop(TRITONSERVER_MessageDelete(message));
    return status;
}

/* The folder of the version that is loaded. */
static bt_status find_folder(TRITONBACKEND_Model *of, char out[BT_PATH_SIZE], bt_error *error) {
    TRITONBACKEND_ArtifactType type;
    const char *location;
    uint64_t version;
    bt_status status = check(TRITONBACKEND_ModelRepository(of, &type, &location), "a model's folder", error);
    if (status == BT_OK) status = check(TRITONBACKEND_ModelVersion(of, &version), "a model's version", error);
    if (status != BT_OK) return status;
    if (type != TRITONBACKEND_ARTIFACT_FILESYSTEM)
        return bt_fail(error, BT_UNSUPPORTED, "batchtune's models are in folders");
    return bt_path_join(out, error, "%s/%llu", location, (unsigned long long)version);
}

/* The service's settings over its config. Triton has waited for the batch already; the files are those that were copied
 * beside the config. */
static bt_status write_settings(const json_t *parameters, const char *name, const char *folder, char *out,
                                size_t size, bt_error *error) {
    char weights[BT_OPTION_TEXT_SIZE], file[BT_OPTION_TEXT_SIZE];
    bt_status status = read_parameter(parameters, BT_TRITON_WEIGHTS, weights, sizeof weights, error);
    if (status == BT_OK) status = read_parameter(parameters, BT_TRITON_MODEL_FILE, file, sizeof file, error);
    if (status != BT_OK) return status;
    int length = snprintf(out, size, "max_queue_delay_ms=0,policy=delay");
    if (weights[0])
        length += snprintf(out + length, size - (size_t)length, ",weights=\"%s/%s\"", folder, weights);
    if (file[0] && (size_t)length < size)
        length +=
            snprintf(out + length, size - (size_t)length, ",model_file=\"%s=%s/%s\"", name, folder, file);
    return (size_t)length < size ? BT_OK : bt_fail(error, BT_INVALID, "%s: the path is too long", folder);
}

static bt_status open_service(model *m, const json_t *parameters, const char *folder, bt_error *error) {
    char config[BT_PATH_SIZE], settings[4 * BT_PATH_SIZE];
    bt_status status = bt_path_join(config, error, "%s/%s", folder, BT_TRITON_CONFIG);
    if (status == BT_OK)
        status = write_settings(parameters, m->name, folder, settings, sizeof settings, error);
    const bt_service_options options = {.config = config, .models = m->name, .settings = settings};
    if (status == BT_OK) status = bt_service_open(&m->service, &options, error);
    if (status == BT_OK) status = bt_service_start(m->service, error);
    return status;
}

static void close_model(model *m) {
    if (m) bt_service_close(&m->service);
    free(m);
}

static void log_start(const model *m) {
    char line[256];
    bt_text_format(line, sizeof line,
                   "batchtune %s: %s is warm: batches of up to %d, %d instance%s, %s, %d x %d px",
                   bt_version(), m->name, m->facts.batch_size, m->facts.instance_count,
                   m->facts.instance_count == 1 ? "" : "s", m->facts.precision, m->facts.input_width,
                   m->facts.input_height);
    drop(TRITONSERVER_LogMessage(TRITONSERVER_LOG_INFO, "batchtune", 0, line));
}

/* Of a repository that was renamed or copied by hand, the parameter still says which model of the config it is. */
static bt_status open_model(TRITONBACKEND_Model *of, model *m, bt_error *error) {
    char folder[BT_PATH_SIZE];
    const char *name;
    json_t *parameters = NULL;
    bt_status status = read_config(of, &parameters, error);
    if (status == BT_OK) status = check(TRITONBACKEND_ModelName(of, &name), "a model's name", error);
    if (status == BT_OK) status = read_parameter(parameters, BT_TRITON_MODEL, m->name, sizeof m->name, error);
    if (status == BT_OK && !m->name[0]) snprintf(m->name, sizeof m->name, "%s", name);
    if (status == BT_OK) status = find_folder(of, folder, error);
    if (status == BT_OK) status = open_service(m, parameters, folder, error);
    if (status == BT_OK) bt_service_models(m->service, &m->facts, 1);
    json_decref(parameters);
    return status;
}

TRITONSERVER_Error *TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model *of) {
    bt_error error = {BT_OK, ""};
    model *m = calloc(1, sizeof *m);
    bt_status status = m ? open_model(of, m, &error) : bt_no_memory(&error, "a model");
    if (status == BT_OK) status = check(TRITONBACKEND_ModelSetState(of, m), "a model's state", &error);
    if (status == BT_OK) {
        log_start(m);
        return NULL;
    }
    close_model(m);
    return to_triton(&error);
}

TRITONSERVER_Error *TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model *of) {
    void *state = NULL;
    bt_error error = {BT_OK, ""};
    if (check(TRITONBACKEND_ModelState(of, &state), "a model's state", &error) != BT_OK || !state)
        return to_triton(&error);
    model *m = state;
    (void)!bt_service_stop(m->service, DRAIN_MS,
                           &error); /* nothing is under way: Triton waits for its requests */
    close_model(m);
    return NULL;
}

/* ---- one batch ---- */

/* One request of Triton's and what becomes of it. */
typedef struct asked {
    TRITONBACKEND_Request *request;
    TRITONBACKEND_Response *response;
    bt_error error; /* its answer, where that is none of outputs */
    float threshold;
    int height, width, pictures; /* none where it failed before it was sent */
    const uint8_t *rgb;
    uint8_t *own; /* rgb, where Triton has it in pieces; owned */
    uint8_t *mask, *labels;
    float *probabilities, *class_probabilities, *logits; /* the response's; NULL: not asked for */
    const char *mode;                                    /* of the picture that was answered last */
} asked;

typedef struct batch {
    asked *requests;
    int count;
    pthread_mutex_t lock;
    pthread_cond_t all_answered;
    int left; /* pictures without an answer */
} batch;

typedef struct picture {
    batch *of;
    asked *request;
} picture;

static void answer(void *context, const bt_result *result, const bt_error *error) {
    const picture *p = context;
    batch *of = p->of;
    pthread_mutex_lock(&of->lock);
    if (error)
        p->request->error = *error;
    else
        p->request->mode = result->inference_mode;
    if (--of->left == 0) pthread_cond_signal(&of->all_answered);
    pthread_mutex_unlock(&of->lock);
}

static bt_status read_threshold(asked *a, bt_error *error) {
    uint32_t count = 0;
    bt_status status =
        check(TRITONBACKEND_RequestParameterCount(a->request, &count), "a request's parameters", error);
    for (uint32_t i = 0; i < count && status == BT_OK; i++) {
        const char *name;
        const void *value;
        TRITONSERVER_ParameterType type;
        status =
            check(TRITONBACKEND_RequestParameter(a->request, i, &name, &type, &value), "a parameter", error);
        if (status != BT_OK || strcmp(name, "threshold") != 0) continue;
        if (type == TRITONSERVER_PARAMETER_DOUBLE)
            a->threshold = (float)*(const double *)value;
        else if (type == TRITONSERVER_PARAMETER_STRING)
            a->threshold = (float)bt_text_read_number(value, NULL);
        else
            a->threshold = -1;
        if (!(a->threshold > 0 && a->threshold < 1))
            status = bt_fail(error, BT_INVALID, "\"threshold\" is a probability above 0 and below 1");
    }
    return status;
}

static bt_status read_bytes(asked *a, TRITONBACKEND_Input *input, uint64_t bytes, uint32_t buffers,
                            bt_error *error) {
    uint64_t done = 0;
    if (buffers > 1 && !(a->own = malloc(bytes))) return bt_no_memory(error, "a request's pictures");
    for (uint32_t i = 0; i < buffers; i++) {
        TRITONSERVER_MemoryType memory = TRITONSERVER_MEMORY_CPU;
        int64_t device = 0;
        uint64_t size;
        const void *piece;
        bt_status status =
            check(TRITONBACKEND_InputBuffer(input, i, &piece, &size, &memory, &device), "an input", error);
        if (status != BT_OK) return status;
        if (memory == TRITONSERVER_MEMORY_GPU)
            return bt_fail(error, BT_UNSUPPORTED,
                           "\"image\" lies in a GPU's memory; send it from the host's");
        if (size > bytes - done)
            return bt_fail(error, BT_BACKEND, "Triton gives an input in pieces that do not fit");
        if (a->own)
            memcpy(a->own + done, piece, size);
        else
            a->rgb = piece;
        done += size;
    }
    if (a->own) a->rgb = a->own;
    return done == bytes ? BT_OK
                         : bt_fail(error, BT_INVALID, "\"image\" has fewer bytes than its shape says");
}

static bt_status read_image(asked *a, bt_error *error) {
    TRITONBACKEND_Input *input;
    TRITONSERVER_DataType type;
    const int64_t *shape;
    uint64_t bytes;
    uint32_t dims, buffers;
    bt_status status =
        check(TRITONBACKEND_RequestInput(a->request, "image", &input), "the input \"image\"", error);
    if (status == BT_OK)
        status = check(TRITONBACKEND_InputProperties(input, NULL, &type, &shape, &dims, &bytes, &buffers),
                       "an input's shape", error);
    if (status != BT_OK) return status;
    if (type != TRITONSERVER_TYPE_UINT8 || dims != 4 || shape[3] != 3)
        return bt_fail(error, BT_INVALID, "\"image\" is UINT8, [pictures, height, width, 3]");
    for (int i = 0; i < 3; i++)
        if (shape[i] < 1 || shape[i] > 16384)
            return bt_fail(error, BT_INVALID,
                           "\"image\": a picture has 1 to 16384 pixels a side, this has %lld x %lld",
                           (long long)shape[2], (long long)shape[1]);
    if (bytes != (uint64_t)(shape[0] * shape[1] * shape[2] * 3))
        return bt_fail(error, BT_INVALID, "\"image\" has %llu bytes; its shape says %lld",
                       (unsigned long long)bytes, (long long)(shape[0] * shape[1] * shape[2] * 3));
    a->height = (int)shape[1];
    a->width = (int)shape[2];
    status = read_bytes(a, input, bytes, buffers, error);
    if (status == BT_OK) a->pictures = (int)shape[0];
    return status;
}

/* Room for one output in the response. */
static bt_status add_output(asked *a, const char *name, TRITONSERVER_DataType type, const int64_t *shape,
                            uint32_t dims, void **bytes, bt_error *error) {
    TRITONBACKEND_Output *output;
    TRITONSERVER_MemoryType memory = TRITONSERVER_MEMORY_CPU;
    int64_t device = 0;
    uint64_t size = type == TRITONSERVER_TYPE_FP32 ? sizeof(float) : 1;
    for (uint32_t i = 0; i < dims; i++)
        size *= (uint64_t)shape[i];
    bt_status status = check(TRITONBACKEND_ResponseOutput(a->response, &output, name, type, shape, dims),
                             "an output", error);
    if (status == BT_OK)
        status = check(TRITONBACKEND_OutputBuffer(output, bytes, size, &memory, &device),
                       "room for an output", error);
    if (status == BT_OK && memory == TRITONSERVER_MEMORY_GPU)
        status = bt_fail(error, BT_UNSUPPORTED,
                         "\"%s\" is wanted in a GPU's memory; fetch it from the host's", name);
    return status;
}

/* One output that Triton asks for by its name; others it has not, since config.pbtxt names them all. */
static bt_status add_named(asked *a, const char *name, const bt_model_facts *facts, bt_error *error) {
    const int64_t own[] = {a->pictures, a->height, a->width},
                  planes[] = {a->pictures, facts->class_count, a->height, a->width},
                  input[] = {a->pictures, 1, facts->input_height, facts->input_width};
    void *bytes = NULL;
    bt_status status = BT_OK;
    if (strcmp(name, "mask") == 0 || strcmp(name, "labels") == 0) {
        status = add_output(a, name, TRITONSERVER_TYPE_UINT8, own, 3, &bytes, error);
        *(name[0] == 'm' ? &a->mask : &a->labels) = bytes;
    } else if (strcmp(name, "probabilities") == 0) {
        status = add_output(a, name, TRITONSERVER_TYPE_FP32, own, 3, &bytes, error);
        a->probabilities = bytes;
    } else if (strcmp(name, "class_probabilities") == 0) {
        status = add_output(a, name, TRITONSERVER_TYPE_FP32, planes, 4, &bytes, error);
        a->class_probabilities = bytes;
    } else if (strcmp(name, "logits") == 0) {
        status = add_output(a, name, TRITONSERVER_TYPE_FP32, input, 4, &bytes, error);
        a->logits = bytes;
    }
    return status;
}

static bt_status add_outputs(asked *a, const bt_model_facts *facts, bt_error *error) {
    uint32_t count = 0;
    bt_status status =
        check(TRITONBACKEND_RequestOutputCount(a->request, &count), "a request's outputs", error);
    for (uint32_t i = 0; i < count && status == BT_OK; i++) {
        const char *name;
        status = check(TRITONBACKEND_RequestOutputName(a->request, i, &name), "an output's name", error);
        if (status == BT_OK) status = add_named(a, name, facts, error);
    }
    return status;
}

/* Fills in all but the answers. A request that fails has no pictures. */
static void read_request(asked *a, TRITONBACKEND_Request *request, const bt_model_facts *facts) {
    *a = (asked){.request = request};
    bt_status status = check(TRITONBACKEND_ResponseNew(&a->response, request), "a response", &a->error);
    if (status == BT_OK) status = read_threshold(a, &a->error);
    if (status == BT_OK) status = read_image(a, &a->error);
    if (status == BT_OK) status = add_outputs(a, facts, &a->error);
    if (status != BT_OK) a->pictures = 0;
}

/* The service's request of picture `n`. */
static bt_request request_of(const asked *a, const model *m, int n) {
    const size_t pixels = (size_t)a->height * (size_t)a->width * (size_t)n,
                 logits = (size_t)m->facts.input_height * (size_t)m->facts.input_width * (size_t)n,
                 classes = (size_t)m->facts.class_count;
    return (bt_request){.image = a->rgb + 3 * pixels,
                        .height = a->height,
                        .width = a->width,
                        .model = m->name,
                        .threshold = a->threshold,
                        .mask = a->mask ? a->mask + pixels : NULL,
                        .probabilities = a->probabilities ? a->probabilities + pixels : NULL,
                        .labels = a->labels ? a->labels + pixels : NULL,
                        .class_probabilities =
                            a->class_probabilities ? a->class_probabilities + classes * pixels : NULL,
                        .logits = a->logits ? a->logits + logits : NULL};
}

/* All pictures at once, so that they run as the batch that Triton made of them. */
static bt_status submit(batch *b, model *m, bt_request *requests, picture *pictures, void **contexts,
                        uint64_t *tickets, bt_error *error) {
    int n = 0;
    for (int r = 0; r < b->count; r++)
        for (int i = 0; i < b->requests[r].pictures; i++, n++) {
            requests[n] = request_of(&b->requests[r], m, i);
            pictures[n] = (picture){b, &b->requests[r]};
            contexts[n] = &pictures[n];
        }
    b->left = n;
    if (n == 0) return BT_OK;
    bt_status status = bt_serving_submit_all(m->service, requests, n, answer, contexts, tickets, error);
    if (status != BT_OK) return status;
    pthread_mutex_lock(&b->lock);
    while (b->left > 0)
        pthread_cond_wait(&b->all_answered, &b->lock);
    pthread_mutex_unlock(&b->lock);
    return BT_OK;
}

static bt_status run(batch *b, model *m, int count, bt_error *error) {
    const size_t room = (size_t)(count > 0 ? count : 1);
    bt_request *requests = calloc(room, sizeof *requests);
    picture *pictures = calloc(room, sizeof *pictures);
    void **contexts = calloc(room, sizeof *contexts);
    uint64_t *tickets = calloc(room, sizeof *tickets);
    bt_status status = BT_OK;
    if (requests && pictures && contexts && tickets)
        status = submit(b, m, requests, pictures, contexts, tickets, error);
    else
        status = bt_no_memory(error, "a batch");
    free(requests);
    free(pictures);
    free(contexts);
    free(tickets);
    return status;
}

/* Sends the answer; statistics and the request are for later. */
static void send_answer(asked *a) {
    TRITONSERVER_Error *error = to_triton(&a->error);
    if (a->response) {
        if (!error && a->mode)
            drop(TRITONBACKEND_ResponseSetStringParameter(a->response, "inference_mode", a->mode));
        drop(TRITONBACKEND_ResponseSend(a->response, TRITONSERVER_RESPONSE_COMPLETE_FINAL, error));
    }
    drop(error);
    free(a->own);
}

TRITONSERVER_Error *TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance *instance,
                                                       TRITONBACKEND_Request **requests, uint32_t count) {
    TRITONBACKEND_Model *of = NULL;
    void *state = NULL;
    bt_error error = {BT_OK, ""};
    int pictures = 0;
    const uint64_t start = (uint64_t)bt_clock_now_ns();
    batch b = {
        .count = (int)count, .lock = PTHREAD_MUTEX_INITIALIZER, .all_answered = PTHREAD_COND_INITIALIZER};
    bt_status status = check(TRITONBACKEND_ModelInstanceModel(instance, &of), "an instance's model", &error);
    if (status == BT_OK) status = check(TRITONBACKEND_ModelState(of, &state), "a model's state", &error);
    if (status == BT_OK && !(b.requests = calloc(count, sizeof *b.requests))) bt_no_memory(&error, "a batch");
    if (!b.requests) return to_triton(&error);
    model *m = state;
    for (uint32_t r = 0; r < count; r++) {
        read_request(&b.requests[r], requests[r], &m->facts);
        pictures += b.requests[r].pictures;
    }
    const uint64_t compute_start = (uint64_t)bt_clock_now_ns();
    status = run(&b, m, pictures, &error);
    const uint64_t compute_end = (uint64_t)bt_clock_now_ns();
    for (uint32_t r = 0; r < count; r++) {
        asked *a = &b.requests[r];
        if (status != BT_OK && a->pictures > 0) a->error = error;
        send_answer(a);
        drop(TRITONBACKEND_ModelInstanceReportStatistics(instance, a->request, a->error.status == BT_OK,
                                                         start, compute_start, compute_end,
                                                         (uint64_t)bt_clock_now_ns()));
        drop(TRITONBACKEND_RequestRelease(a->request, TRITONSERVER_REQUEST_RELEASE_ALL));
    }
    if (pictures > 0)
        drop(TRITONBACKEND_ModelInstanceReportBatchStatistics(
            instance, (uint64_t)pictures, start, compute_start, compute_end, (uint64_t)bt_clock_now_ns()));
    free(b.requests);
    return NULL;
}
