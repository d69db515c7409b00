/* The tuned config as manifests: for Kubernetes alone, for KServe, and for KServe's Triton.
 *
 * A folder for each model, since a plan of replicas is one model's: deployment.yaml (config, pods, service, disruption
 * budget, autoscaler), kserve.yaml (config, InferenceService), and where it is said where export-triton's repository lies,
 * kserve-triton.yaml. What can be derived is: cores and memory from the config, replicas and what they scale by from a
 * simulation of so many behind a balancer (simulate/replicas.h). */
#ifndef BT_EXPORT_KUBERNETES_H
#define BT_EXPORT_KUBERNETES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "record/config.h"
#include "settings/kubernetes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of the config's models that the settings have (none: all that were measured), under `folder`. A line for each, for people,
 * to `out` (may be NULL). Of a model whose promise no number of replicas keeps nothing is written, and *keeps is false.
 * BT_INVALID without a rate, for names that Kubernetes would not take, for two models whose objects would have one name, and
 * for a model that needs a volume and has none; BT_IO, BT_NOT_WRITTEN, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_kubernetes_export(const bt_config *config, const bt_kubernetes_settings *settings,
                                           const char *folder, bool *keeps, FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
