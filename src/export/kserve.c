/* The same for KServe: as a container of its own, and as a repository for its Triton. */
#include "export/manifest.h"

/* KServe's target is a whole number, 1 at least: of the two metrics the one that loses least by being rounded down. Where
 * both are less than 1, a replica is given more than it should have, and the file says so. */
typedef struct scaling {
    const char *metric;
    int target;
    double exact;
} scaling;

static scaling scaling_by(const char *metric, double exact) {
    const scaling by = {metric, (int)exact, exact};
    return by;
}

static scaling choose(const bt_replicas_plan *plan) {
    const scaling rps = scaling_by("rps", plan->more_above_rps_each),
                  under_way = scaling_by("concurrency", plan->more_above_under_way_each);
    scaling chosen = rps.target / rps.exact >= under_way.target / under_way.exact ? rps : under_way;
    if (chosen.target < 1) chosen.target = 1;
    return chosen;
}

static void put_service(const bt_yaml *yaml, const bt_manifest *manifest, const char *suffix) {
    char labels[3 * BT_POD_NAME_SIZE];
    bt_pod_labels(&manifest->pod, labels);
    bt_yaml_put(yaml,
                "apiVersion: serving.kserve.io/v1beta1\n"
                "kind: InferenceService\n"
                "metadata:\n"
                "  name: %s%s\n"
                "  labels: %s\n"
                "  annotations:\n"
                "    # Scaled by requests, which takes Knative (KServe's newer name for this mode).\n"
                "    serving.kserve.io/deploymentMode: Serverless\n"
                "    # The target has its headroom already: all of it counts, not Knative's usual 70 %%.\n"
                "    autoscaling.knative.dev/target-utilization-percentage: \"100\"\n"
                "    # Warm within 15 minutes.\n"
                "    serving.knative.dev/progress-deadline: 1200s\n",
                manifest->pod.name, suffix, labels);
}

static void put_scaling(const bt_yaml *yaml, const bt_manifest *manifest) {
    const scaling by = choose(&manifest->plan);
    bt_yaml_put(
        yaml,
        "spec:\n"
        "  predictor:\n"
        "    # What %g requests/s take%s.\n"
        "    minReplicas: %d\n"
        "    maxReplicas: %d\n"
        "    # One more from %.4g requests/s of each on, or %.3g of each waiting or running: the one that a "
        "whole number tells best%s.\n"
        "    scaleMetric: %s\n"
        "    scaleTarget: %d\n"
        "    # As many at a time as come: the batcher wants several, and has a bound of its own.\n"
        "    containerConcurrency: 0\n",
        manifest->plan.rate_rps,
        manifest->settings->min_replicas > 0 ? " with headroom, unless --min-replicas says otherwise"
                                             : " with headroom, and two at least",
        manifest->least, manifest->most, manifest->plan.more_above_rps_each,
        manifest->plan.more_above_under_way_each,
        by.exact < 1 ? ", and still more than that: deployment.yaml's autoscaler is exact" : "", by.metric,
        by.target);
}

void bt_manifest_kserve(const bt_manifest *manifest, FILE *out) {
    const bt_yaml yaml = {out, 0}, pod = {out, 4}, container = {out, 8};
    bt_manifest_put_head(&yaml, manifest, "for KServe");
    bt_manifest_put_config(&yaml, manifest);
    put_service(&yaml, manifest, "");
    put_scaling(&yaml, manifest);
    bt_yaml_put(&pod, "enableServiceLinks: false\ncontainers:\n  - name: kserve-container\n");
    bt_pod_put_container(&container, &manifest->pod, true);
    bt_pod_put_volumes(&pod, &manifest->pod);
}

void bt_manifest_kserve_triton(const bt_manifest *manifest, FILE *out) {
    const bt_yaml yaml = {out, 0}, model = {out, 6};
    char uri[BT_YAML_QUOTED_SIZE], image[BT_YAML_QUOTED_SIZE];
    bt_manifest_put_head(&yaml, manifest, "for KServe's Triton");
    put_service(&yaml, manifest, "-triton");
    put_scaling(&yaml, manifest);
    bt_yaml_put(&yaml, "    model:\n");
    bt_yaml_put(&model,
                "modelFormat: {name: triton}\n"
                "protocolVersion: v2\n"
                "runtime: kserve-tritonserver\n"
                "# The folder that export-triton wrote, with this model alone in it.\n"
                "storageUri: %s\n"
                "# NVIDIA's, and what the backend needs besides: libdnnl2 libjansson4 libzip4 libgomp1.\n"
                "image: %s\n",
                bt_yaml_quote(manifest->settings->storage_uri, uri),
                bt_yaml_quote(manifest->settings->triton_image, image));
    bt_pod_put_resources(&model, &manifest->pod);
    bt_yaml_put(&model, "# Triton is ready when every batch size of its models is warm.\n"
                        "readinessProbe:\n"
                        "  httpGet: {path: /v2/health/ready, port: 8080}\n"
                        "  periodSeconds: 5\n"
                        "  timeoutSeconds: 3\n"
                        "  failureThreshold: 2\n");
}
