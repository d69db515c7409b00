/* One model's manifests: everything that is to be said of it, and the files that say it. Within src/export.
 *
 * Each file is whole: it begins with what it is, and holds the config. Numbers that come of the plan say so beside them. */
#ifndef BT_EXPORT_MANIFEST_H
#define BT_EXPORT_MANIFEST_H

#include <stdio.h>

#include "export/pod.h"
#include "record/replicas.h"
#include "settings/kubernetes.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_manifest {
    const bt_config_model *model;
    const bt_kubernetes_settings *settings;
    bt_replicas_plan plan;
    bt_pod pod;
    int least, most; /* replicas */
    int spare;       /* of the least: so many may be away and the others still keep the promise at the rate */
    char *config;    /* JSON, owned, as what follows */
    char *calibration; /* NULL: there is none */
} bt_manifest;

/* "hrnet for 400 requests/s ..." and the plan, in comments; `what` says what the file is. */
void bt_manifest_put_head(const bt_yaml *yaml, const bt_manifest *manifest, const char *what);

/* The ConfigMap, and the line that parts documents. */
void bt_manifest_put_config(const bt_yaml *yaml, const bt_manifest *manifest);

/* Each writes its file whole to `out`. */
void bt_manifest_deployment(const bt_manifest *manifest, FILE *out);
void bt_manifest_kserve(const bt_manifest *manifest, FILE *out);
void bt_manifest_kserve_triton(const bt_manifest *manifest, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
