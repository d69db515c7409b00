#include "export/kubernetes.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "base/version.h"
#include "export/entry.h"
#include "export/manifest.h"
#include "simulate/replicas.h"

/* What Kubernetes takes of a ConfigMap is a mebibyte, names and all. */
#define CONFIG_BYTES_MAX 1000000

#define REPLICAS_LEAST 2 /* so that one may go */

/* ---- what is asked ---- */

#define SMALL  "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTER SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bt_status check_text(const char *flag, const char *text, const char *characters, const char *right,
                            bt_error *error) {
    char shown[BT_TEXT_QUOTE_SIZE];
    if (text[strspn(text, characters)] == '\0') return BT_OK;
    bt_text_quote(text, shown);
    return bt_fail(error, BT_INVALID, "%s: %s is not %s", flag, shown, right);
}

static bt_status check_texts(const bt_kubernetes_settings *s, bt_error *error) {
    bt_status status = check_text("--image", s->image, LETTER "._/:@-",
                                  "an image such as registry.example.org/batchtune:0.1.0", error);
    if (status == BT_OK)
        status = check_text("--triton-image", s->triton_image, LETTER "._/:@-",
                            "an image such as registry.example.org/tritonserver:24.10", error);
    if (status == BT_OK)
        status = check_text("--weights-claim", s->weights_claim, SMALL ".-",
                            "a claim's name: small letters, digits, dots and dashes", error);
    return status == BT_OK ? check_text("--storage-uri", s->storage_uri, LETTER "._/:@%+=,?&~-",
                                        "a URI such as s3://models/hrnet", error)
                           : status;
}

static bool is_wanted(const bt_kubernetes_settings *s, const bt_config_model *model) {
    return bt_names_want(&s->plan.models, model->name) && (s->plan.models.count > 0 || !model->unmeasurable);
}

static bt_status check_models(const bt_config *config, const bt_kubernetes_settings *s, bt_error *error) {
    char name[BT_POD_NAME_SIZE], other[BT_POD_NAME_SIZE];
    int count = 0;
    for (int i = 0; i < config->model_count; i++) {
        if (!is_wanted(s, &config->models[i])) continue;
        count++;
        bt_pod_name(name, config->models[i].name);
        for (int j = 0; j < i; j++) {
            if (!is_wanted(s, &config->models[j])) continue;
            bt_pod_name(other, config->models[j].name);
            if (strcmp(name, other) == 0)
                return bt_fail(error, BT_INVALID,
                               "%s and %s would both be called %s: export them by turns, with --models",
                               config->models[j].name, config->models[i].name, name);
        }
    }
    if (count == 0) return bt_fail(error, BT_INVALID, "no model of the config was measured");
    if (count > 1 && s->storage_uri[0])
        return bt_fail(error, BT_INVALID,
                       "--storage-uri is a repository of one model: say which with --models");
    return BT_OK;
}

static bt_status check(const bt_config *config, const bt_kubernetes_settings *s, bt_error *error) {
    if (!(s->plan.rate > 0))
        return bt_fail(error, BT_INVALID, "--rate: how many requests a second are there to be served?");
    if (s->storage_uri[0] && !s->triton_image[0])
        return bt_fail(error, BT_INVALID,
                       "--storage-uri: with which --triton-image? NVIDIA's own lacks what the backend needs");
    bt_status status = check_texts(s, error);
    if (status == BT_OK) status = bt_config_check_names(config, &s->plan.models, error);
    return status == BT_OK ? check_models(config, s, error) : status;
}

/* ---- one model ---- */

static bt_status read_text(char **out, json_t *json, bt_error *error) {
    size_t size;
    *out = bt_json_file_text(json, &size);
    return *out ? BT_OK : bt_no_memory(error, "a config");
}

static bt_status read_config(bt_manifest *m, const bt_config *config, bt_error *error) {
    char path[BT_PATH_SIZE];
    json_t *part = NULL, *entry = NULL, *calibration = NULL;
    bt_status status = bt_export_entry(&part, config, m->model, error);
    if (status == BT_OK && !(entry = json_deep_copy(part))) status = bt_no_memory(error, "a config");
    if (status == BT_OK) status = bt_export_renumber_gpus(entry, m->model, error);
    if (status == BT_OK) status = read_text(&m->config, entry, error);
    if (status == BT_OK) status = bt_config_calibration_path(path, config->path, m->model, error);
    if (status == BT_OK && path[0]) {
        status = check_text("a calibration's name", m->model->calibration, LETTER "._-",
                            "one for a ConfigMap", error);
        if (status == BT_OK) status = bt_json_load(&calibration, path, error);
        if (status == BT_OK) status = read_text(&m->calibration, calibration, error);
    }
    json_decref(part);
    json_decref(entry);
    json_decref(calibration);
    return status;
}

/* The ConfigMap's name, by what is in it. */
static bt_status name_config(bt_manifest *m, bt_error *error) {
    const size_t config_size = strlen(m->config),
                 calibration_size = m->calibration ? strlen(m->calibration) : 0;
    if (config_size + calibration_size > CONFIG_BYTES_MAX)
        return bt_fail(error, BT_INVALID, "%s: its config has %zu bytes, a ConfigMap at most %d",
                       m->model->name, config_size + calibration_size, CONFIG_BYTES_MAX);
    uint64_t hash = bt_fnv1a64(BT_FNV_START, m->config, config_size);
    if (m->calibration) hash = bt_fnv1a64(hash, m->calibration, calibration_size);
    bt_text_format(m->pod.config_name, sizeof m->pod.config_name, "%.50s-%08x", m->pod.name, (unsigned)hash);
    return BT_OK;
}

static bt_status find_weights(bt_manifest *m, bt_error *error) {
    if (!m->pod.weights_folder[0]) return BT_OK;
    m->pod.claim = m->settings->weights_claim;
    if (m->pod.claim[0]) return BT_OK;
    return bt_fail(
        error, BT_INVALID,
        "%s has its own weights or network in %s: --weights-claim names the volume claim that has them",
        m->model->name, m->pod.weights_folder);
}

static bt_status choose_replicas(bt_manifest *m, bt_error *error) {
    const bt_kubernetes_settings *s = m->settings;
    const int planned = m->plan.recommended > REPLICAS_LEAST ? m->plan.recommended : REPLICAS_LEAST;
    m->least = s->min_replicas > 0 ? (int)s->min_replicas : planned;
    m->most = s->max_replicas > 0 ? (int)s->max_replicas : 2 * (m->least > planned ? m->least : planned);
    m->spare = m->least - m->plan.least;
    if (m->least <= m->most) return BT_OK;
    return bt_fail(error, BT_INVALID, "--max-replicas: %d are fewer than the %d that %s takes", m->most,
                   m->least, m->model->name);
}

static bt_status prepare(bt_manifest *m, const bt_config *config, const char *image, bt_error *error) {
    bt_status status = bt_export_check(m->model, error);
    if (status == BT_OK) status = bt_replicas_of(&m->plan, m->model, &m->settings->plan, error);
    if (status != BT_OK || !bt_replicas_plan_keeps(&m->plan)) return status;
    status = bt_pod_read(&m->pod, config, m->model, error);
    bt_pod_name(m->pod.name, m->model->name);
    m->pod.image = image;
    m->pod.p95_sla_ms = m->settings->plan.p95_sla_ms;
    if (status == BT_OK) status = find_weights(m, error);
    if (status == BT_OK) status = read_config(m, config, error);
    if (status == BT_OK) status = name_config(m, error);
    return status == BT_OK ? choose_replicas(m, error) : status;
}

/* ---- files ---- */

typedef void writer(const bt_manifest *manifest, FILE *out);

static bt_status write_file(const bt_manifest *m, const char *folder, const char *name, writer *write,
                            bt_error *error) {
    char path[BT_PATH_SIZE], *text = NULL;
    size_t size;
    bt_status status = bt_path_join(path, error, "%s/%s", folder, name);
    if (status != BT_OK) return status;
    FILE *out = open_memstream(&text, &size);
    if (!out) return bt_no_memory(error, "%s", path);
    write(m, out);
    const bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) status = bt_no_memory(error, "%s", path);
    if (status == BT_OK) status = bt_file_replace(path, text, size, false, error);
    free(text);
    return status;
}

/* A model's folder is called as its objects, less what they all begin with. */
static bt_status write_files(const bt_manifest *m, const char *folder, char own[BT_PATH_SIZE],
                             bt_error *error) {
    bt_status status = bt_path_join(own, error, "%s/%s", folder, m->pod.name + strlen("batchtune-"));
    if (status == BT_OK) status = bt_folder_make(own, error);
    if (status == BT_OK) status = write_file(m, own, "deployment.yaml", bt_manifest_deployment, error);
    if (status == BT_OK) status = write_file(m, own, "kserve.yaml", bt_manifest_kserve, error);
    if (status == BT_OK && m->settings->storage_uri[0])
        status = write_file(m, own, "kserve-triton.yaml", bt_manifest_kserve_triton, error);
    return status;
}

static void tell(const bt_manifest *m, const char *own, FILE *out) {
    bt_text_print(
        out, "%s: %d to %d replicas of %d core%s%s and %lld MiB, one more from %.3g requests/s of each on\n",
        own, m->least, m->most, m->pod.cores, m->pod.cores == 1 ? "" : "s", m->pod.gpus > 0 ? ", GPUs" : "",
        m->pod.memory_mib, m->plan.more_above_rps_each);
}

static bt_status export_model(bt_manifest *m, const bt_config *config, const char *image, const char *folder,
                              bool *keeps, FILE *out, bt_error *error) {
    char own[BT_PATH_SIZE];
    bt_status status = prepare(m, config, image, error);
    if (status != BT_OK) return status;
    if (!bt_replicas_plan_keeps(&m->plan)) {
        *keeps = false;
        if (out)
            bt_text_print(out, "%s: none; no request keeps %g ms, however many replicas there are\n",
                          m->model->name, m->plan.p95_sla_ms);
        return BT_OK;
    }
    status = write_files(m, folder, own, error);
    if (status == BT_OK && out) tell(m, own, out);
    return status;
}

bt_status bt_kubernetes_export(const bt_config *config, const bt_kubernetes_settings *settings,
                               const char *folder, bool *keeps, FILE *out, bt_error *error) {
    char usual[64];
    snprintf(usual, sizeof usual, "batchtune:%s", bt_version());
    *keeps = true;
    bt_status status = check(config, settings, error);
    for (int i = 0; status == BT_OK && i < config->model_count; i++) {
        bt_manifest m = {.model = &config->models[i], .settings = settings};
        if (!is_wanted(settings, m.model)) continue;
        status =
            export_model(&m, config, settings->image[0] ? settings->image : usual, folder, keeps, out, error);
        free(m.config);
        free(m.calibration);
    }
    return status;
}
