#include "export/pod.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "export/entry.h"
#include "settings/weights-source.h"

/* Of a replica on a GPU: for HTTP's threads and for pictures. More let it decode more of them at a time. */
#define GPU_CORES 4

/* Memory beside the model's: the program and its libraries, bodies and answers under way. With less, a burst of large
 * pictures is refused (503) where memory is short. */
#define BESIDE_MIB 512
#define GPU_MIB    8192 /* of a replica on a GPU: its runtime's libraries; not measured */
#define STEP_MIB   256  /* memory is rounded up to a multiple */

/* Requests may take a quarter of the memory (settings/http.c), so the rest is to hold everything else. */
#define SHARE 0.75

#define MODEL_NAME_MOST 30 /* characters of a model's name in an object's: hosts' names add to it */

/* ---- what it may use ---- */

static int count_gpus(const bt_placement *placement) {
    int count = 0;
    for (int i = 0; i < placement->count; i++) {
        bool again = strncmp(placement->instances[i].device, "cuda:", strlen("cuda:")) != 0;
        for (int j = 0; j < i && !again; j++)
            again = strcmp(placement->instances[i].device, placement->instances[j].device) == 0;
        count += !again;
    }
    return count;
}

/* The entry's instances; without any, one as its settings say. */
static bt_placement placement_of(const bt_config *config, const bt_config_model *model) {
    bt_placement placement = {.count = model->instance_count};
    memcpy(placement.instances, model->instances, sizeof model->instances);
    if (placement.count > 0) return placement;
    const char *device = model->settings.device;
    const bool cpu = strcmp(device, "cpu") == 0 || (strcmp(device, "auto") == 0 && !config->machine.gpu[0]);
    placement.count = 1;
    placement.instances[0].threads = (int)model->settings.threads;
    snprintf(placement.instances[0].device, sizeof placement.instances[0].device, "%s",
             cpu ? "cpu" : "cuda:0");
    return placement;
}

/* Whole ones: a part of a core is a quota that stops a batch half-way. */
static int cores_of(const bt_placement *placement, const bt_machine *machine) {
    const double quota = machine->cpu_quota;
    const int some = quota > 0 && quota < machine->cores ? (int)ceil(quota) : machine->cores,
              all = some > 0 ? some : 1, cores = bt_placement_threads(placement, all);
    if (cores > 0) return cores;
    return count_gpus(placement) > 0 && all > GPU_CORES ? GPU_CORES : all; /* else a simulation's */
}

/* As much again for the standard path, on which a request is run that failed on the other. */
static long long memory_of(const bt_pod *pod) {
    const double known_mib = isfinite(pod->tuned_mib) ? pod->tuned_mib : 0;
    const double all_mib = pod->gpus > 0 ? GPU_MIB : (2 * known_mib + BESIDE_MIB) / SHARE;
    return (long long)ceil(all_mib / STEP_MIB) * STEP_MIB;
}

static bt_status find_weights(bt_pod *pod, const bt_config_model *model, bt_error *error) {
    char file[BT_PATH_SIZE];
    const char *path = model->model_file;
    if (!path[0] && model->weights.path[0]) {
        bt_weights_source_split(file, model->weights.path);
        path = file;
    }
    if (!path[0]) return BT_OK;
    bt_status status = bt_path_folder(pod->weights_folder, path, error);
    if (status == BT_OK && strcmp(pod->weights_folder, "/") == 0)
        status = bt_fail(error, BT_INVALID,
                         "%s: a volume cannot be mounted at /: tune with the file in a folder", path);
    return status;
}

bt_status bt_pod_read(bt_pod *out, const bt_config *config, const bt_config_model *model, bt_error *error) {
    const bt_placement placement = placement_of(config, model);
    *out = (bt_pod){.instances = placement.count, .gpus = count_gpus(&placement), .tuned_mib = NAN};
    out->cores = cores_of(&placement, &config->machine);
    for (int i = 0; i < placement.count; i++)
        out->bound = out->bound || placement.instances[i].cpus[0];
    if (out->gpus == 0 && strcmp(model->memory_kind, "process") == 0) out->tuned_mib = model->memory_usage_mb;
    out->memory_mib = memory_of(out);
    return find_weights(out, model, error);
}

/* ---- names ---- */

static char plain(char byte) {
    const char *capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", *at = byte ? strchr(capitals, byte) : NULL;
    return at ? (char)('a' + (at - capitals)) : bt_text_is_alphanumeric(byte) ? byte : '-';
}

void bt_pod_name(char out[BT_POD_NAME_SIZE], const char *model) {
    char kept[MODEL_NAME_MOST + 1];
    size_t length = 0;
    bool lost = strlen(model) > MODEL_NAME_MOST;
    for (size_t i = 0; model[i] && length < MODEL_NAME_MOST; i++) {
        kept[length] = plain(model[i]);
        lost = lost || (kept[length] != model[i] && model[i] != '_');
        if (length > 0 || kept[length] != '-') length++;
    }
    while (length > 0 && kept[length - 1] == '-')
        length--;
    kept[length] = '\0';
    snprintf(out, BT_POD_NAME_SIZE, "batchtune-%s", kept);
    if (lost || length == 0)
        bt_text_append(out, BT_POD_NAME_SIZE, "%s%08x", length > 0 ? "-" : "",
                       (unsigned)bt_fnv1a64(BT_FNV_START, model, strlen(model)));
}

void bt_pod_labels(const bt_pod *pod, char out[3 * BT_POD_NAME_SIZE]) {
    snprintf(out, 3 * BT_POD_NAME_SIZE, "{app.kubernetes.io/name: batchtune, app.kubernetes.io/instance: %s}",
             pod->name);
}

/* ---- the container ---- */

void bt_pod_put_resources(const bt_yaml *yaml, const bt_pod *pod) {
    char gpus[48] = "";
    if (pod->gpus > 0) snprintf(gpus, sizeof gpus, ", nvidia.com/gpu: %d", pod->gpus);
    if (pod->gpus > 0)
        bt_yaml_put(yaml, "# The devices that it was tuned with, cores for HTTP and pictures, and memory for "
                          "the runtime: not measured.\n");
    else if (isfinite(pod->tuned_mib))
        bt_yaml_put(
            yaml,
            "# The cores that it was tuned with, whole, and the same as limit, so that no quota cuts in. "
            "Memory: %.0f MiB as\n"
            "# tuned, as much again for the standard path, %d beside them, and a quarter of all for "
            "requests.\n",
            pod->tuned_mib, BESIDE_MIB);
    else
        bt_yaml_put(yaml,
                    "# The cores that it was tuned with, whole, and the same as limit, so that no quota cuts "
                    "in. Memory of the model is not\n"
                    "# known: look at process_resident_memory_bytes, and give it a third more.\n");
    if (pod->bound)
        bt_yaml_put(
            yaml, "# Its copies are bound to cores: nodes want the kubelet's static CPU policy, or one such "
                  "pod each.\n");
    bt_yaml_put(yaml,
                "resources:\n"
                "  requests: {cpu: \"%d\", memory: %lldMi%s}\n"
                "  limits: {cpu: \"%d\", memory: %lldMi%s}\n",
                pod->cores, pod->memory_mib, gpus, pod->cores, pod->memory_mib, gpus);
}

static void put_probes(const bt_yaml *yaml, const char *port, bool startup) {
    if (startup)
        bt_yaml_put(yaml,
                    "# Warm within 15 minutes, or it is started anew.\n"
                    "startupProbe:\n"
                    "  httpGet: {path: /v2/health/ready, port: %s}\n"
                    "  periodSeconds: 5\n"
                    "  timeoutSeconds: 3\n"
                    "  failureThreshold: 180\n",
                    port);
    bt_yaml_put(yaml,
                "readinessProbe:\n"
                "  httpGet: {path: /v2/health/ready, port: %s}\n"
                "  periodSeconds: 5\n"
                "  timeoutSeconds: 3\n"
                "  failureThreshold: 2\n"
                "# Not whether it is ready: one that loads or stops is not, and would be killed for it.\n"
                "livenessProbe:\n"
                "  httpGet: {path: /v2/health/live, port: %s}\n"
                "  periodSeconds: 10\n"
                "  timeoutSeconds: 5\n"
                "  failureThreshold: 6\n",
                port, port);
}

void bt_pod_put_container(const bt_yaml *yaml, const bt_pod *pod, bool knative) {
    char image[BT_YAML_QUOTED_SIZE], folder[BT_YAML_QUOTED_SIZE], promise[64] = "";
    if (pod->p95_sla_ms > 0)
        bt_text_format(promise, sizeof promise, ", \"--p95-sla-ms\", \"%g\"", pod->p95_sla_ms);
    bt_yaml_put(yaml,
                "image: %s\n# Load balancers hear late that a pod goes: it serves on meanwhile.\n"
                "args: [\"--drain-seconds\", \"15\"%s]\n",
                bt_yaml_quote(pod->image, image), promise);
    if (knative)
        bt_yaml_put(yaml,
                    "env:\n  - {name: PROTOCOL, value: v2}\nports:\n  - {containerPort: %d, protocol: TCP}\n",
                    BT_POD_PORT);
    else
        bt_yaml_put(yaml, "ports:\n  - {name: http, containerPort: %d}\n", BT_POD_PORT);
    bt_pod_put_resources(yaml, pod);
    put_probes(yaml, knative ? "8000" : "http", !knative);
    bt_yaml_put(yaml, "securityContext:\n"
                      "  allowPrivilegeEscalation: false\n"
                      "  readOnlyRootFilesystem: true\n"
                      "  runAsNonRoot: true\n"
                      "  runAsUser: 65532\n"
                      "  capabilities: {drop: [ALL]}\n"
                      "  seccompProfile: {type: RuntimeDefault}\n"
                      "volumeMounts:\n"
                      "  - {name: config, mountPath: /etc/batchtune, readOnly: true}\n");
    if (pod->claim)
        bt_yaml_put(yaml, "  - {name: weights, mountPath: %s, readOnly: true}\n",
                    bt_yaml_quote(pod->weights_folder, folder));
}

void bt_pod_put_volumes(const bt_yaml *yaml, const bt_pod *pod) {
    bt_yaml_put(yaml, "volumes:\n  - name: config\n    configMap: {name: %s}\n", pod->config_name);
    if (pod->claim)
        bt_yaml_put(yaml,
                    "  - name: weights\n    persistentVolumeClaim: {claimName: \"%s\", readOnly: true}\n",
                    pod->claim);
}
