/* What one replica is: a container of serve-production with one model's config, and what it may use.
 *
 * A Deployment and an InferenceService hold the same container, so it is written here, once. Probes, security and times are
 * those of configs/kubernetes, whose reasons stand in docs/deploying.md. */
#ifndef BT_EXPORT_POD_H
#define BT_EXPORT_POD_H

#include "base/error.h"
#include "export/yaml.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_POD_NAME_SIZE 64 /* of a label in a host's name */
#define BT_POD_PORT      8000

/* What a model's replica may use, by its entry. */
typedef struct bt_pod {
    char name[BT_POD_NAME_SIZE];        /* of its objects; "batchtune-hrnet" */
    char config_name[BT_POD_NAME_SIZE]; /* of the ConfigMap, with the hash of what is in it */
    int cores, gpus, instances;
    bool bound;           /* its copies are bound to cores */
    double tuned_mib;     /* of the process as it was tuned; NaN where that is not known */
    long long memory_mib; /* that it may use */
    double p95_sla_ms;    /* that it is started with; 0: the config's */
    const char *image;    /* borrowed, as what follows */
    const char *claim;    /* of the volume with its weights; NULL: there are none */
    char weights_folder[BT_PATH_SIZE];
} bt_pod;

/* Cores, devices and memory. Fills neither names nor what is borrowed, nor another promise than the config's. BT_INVALID where its weights lie in "/". */
BT_MUST_USE bt_status bt_pod_read(bt_pod *out, const bt_config *config, const bt_config_model *model,
                                  bt_error *error);

/* A name for Kubernetes out of a model's, which may be any text: small letters, digits and dashes, cut, and with a hash
 * where that lost something of it. "_" becomes "-". */
void bt_pod_name(char out[BT_POD_NAME_SIZE], const char *model);

/* Labels, as the value of `labels` and of selectors. */
void bt_pod_labels(const bt_pod *pod, char out[3 * BT_POD_NAME_SIZE]);

/* From its resources on, without probes: limits, and why; Triton's container has them, too. */
void bt_pod_put_resources(const bt_yaml *yaml, const bt_pod *pod);

/* The container's fields behind its name, up to its resources and mounts. With `knative` it has no startup probe and no named
 * port, which not every Knative takes: it is asked early and often, and lives while it loads. */
void bt_pod_put_container(const bt_yaml *yaml, const bt_pod *pod, bool knative);

/* The pod's `volumes`. */
void bt_pod_put_volumes(const bt_yaml *yaml, const bt_pod *pod);

#ifdef __cplusplus
}
#endif
#endif
