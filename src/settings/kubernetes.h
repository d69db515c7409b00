/* The settings of export-kubernetes: those of a plan of replicas, and what manifests say besides. */
#ifndef BT_SETTINGS_KUBERNETES_H
#define BT_SETTINGS_KUBERNETES_H

#include "base/options.h"
#include "settings/replicas.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_kubernetes_settings {
    bt_replicas_settings plan;               /* first: its rows' offsets hold */
    char image[BT_OPTION_TEXT_SIZE];         /* of serve-production; "": this version's */
    char weights_claim[BT_OPTION_TEXT_SIZE]; /* a PersistentVolumeClaim; "": none */
    char storage_uri[BT_OPTION_TEXT_SIZE];   /* of export-triton's folder; "": nothing for Triton */
    char triton_image[BT_OPTION_TEXT_SIZE];
    int64_t min_replicas, max_replicas; /* 0: by the plan */
    bool load_balancer;
} bt_kubernetes_settings;

/* The whole table; `count` receives its length. Made at the first call, constant after; any thread. */
const bt_option *bt_kubernetes_settings_table(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
