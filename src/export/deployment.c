/* Pods behind a service of Kubernetes's own, and what scales them. */
#include "export/manifest.h"

static void put_strategy(const bt_yaml *yaml, const bt_manifest *manifest, const char *labels) {
    bt_yaml_put(
        yaml,
        "# How many there are is the autoscaler's to say, below: no `replicas`, which each apply would set "
        "anew.\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata:\n"
        "  name: %s\n"
        "  labels: %s\n"
        "spec:\n"
        "  selector:\n"
        "    matchLabels: %s\n"
        "  # One more is warm before one goes.\n"
        "  strategy:\n"
        "    type: RollingUpdate\n"
        "    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}\n"
        "  progressDeadlineSeconds: 1200\n",
        manifest->pod.name, labels, labels);
}

static void put_template(const bt_yaml *yaml, const bt_manifest *manifest, const char *labels) {
    const bt_yaml container = {yaml->out, 10}, pod = {yaml->out, 6};
    bt_yaml_put(yaml,
                "  template:\n"
                "    metadata:\n"
                "      labels: %s\n"
                "    spec:\n"
                "      automountServiceAccountToken: false\n"
                "      # The service's name would put variables like BATCHTUNE_PORT into the environment.\n"
                "      enableServiceLinks: false\n"
                "      # 15 seconds to drain, at most 30 to answer what it has taken, the rest to close.\n"
                "      terminationGracePeriodSeconds: 60\n"
                "      securityContext:\n"
                "        runAsNonRoot: true\n"
                "        runAsUser: 65532\n"
                "        runAsGroup: 65532\n"
                "        seccompProfile: {type: RuntimeDefault}\n"
                "      topologySpreadConstraints:\n"
                "        - maxSkew: 1\n"
                "          topologyKey: kubernetes.io/hostname\n"
                "          whenUnsatisfiable: ScheduleAnyway\n"
                "          labelSelector:\n"
                "            matchLabels: %s\n"
                "      containers:\n"
                "        - name: serve-production\n",
                labels, labels);
    bt_pod_put_container(&container, &manifest->pod, false);
    bt_pod_put_volumes(&pod, &manifest->pod);
    bt_yaml_put(yaml, "---\n");
}

static void put_service(const bt_yaml *yaml, const bt_manifest *manifest, const char *labels) {
    const bool least = manifest->plan.balancing == BT_BALANCING_LEAST,
               outside = manifest->settings->load_balancer;
    if (least && !outside)
        bt_yaml_put(yaml,
                    "# Without an address: its name gives those of all pods, for a proxy in front that sends "
                    "each request to whoever has\n"
                    "# fewest under way (nginx's least_conn, Envoy's LEAST_REQUEST), as it was planned.\n");
    else if (least)
        bt_yaml_put(
            yaml, "# Planned for a load balancer that sends each request to whoever has fewest under way.\n");
    else
        bt_yaml_put(
            yaml, "# It spreads connections, not requests: nearly in turn, as it was planned, where clients "
                  "are many.\n");
    bt_yaml_put(yaml,
                "apiVersion: v1\n"
                "kind: Service\n"
                "metadata:\n"
                "  name: %s\n"
                "  labels: %s\n"
                "spec:\n"
                "%s"
                "  selector: %s\n"
                "  ports:\n"
                "    - {name: http, port: %d, targetPort: http}\n"
                "---\n",
                manifest->pod.name, labels,
                outside ? "  type: LoadBalancer\n"
                : least ? "  clusterIP: None\n"
                        : "",
                labels, BT_POD_PORT);
}

static void put_budget(const bt_yaml *yaml, const bt_manifest *manifest, const char *labels) {
    if (manifest->spare > 0)
        bt_yaml_put(yaml,
                    "# So many may be away at a time: the others of %d keep the promise at the rate without "
                    "them (%d would do).\n",
                    manifest->least, manifest->plan.least);
    else
        bt_yaml_put(
            yaml,
            "# A node can be emptied; but %d are needed at the rate, so that the promise breaks while "
            "one is away.\n",
            manifest->plan.least);
    bt_yaml_put(yaml,
                "apiVersion: policy/v1\n"
                "kind: PodDisruptionBudget\n"
                "metadata:\n"
                "  name: %s\n"
                "spec:\n"
                "  maxUnavailable: %d\n"
                "  # One that is not ready serves nobody: it may always go.\n"
                "  unhealthyPodEvictionPolicy: AlwaysAllow\n"
                "  selector:\n"
                "    matchLabels: %s\n"
                "---\n",
                manifest->pod.name, manifest->spare > 0 ? manifest->spare : 1, labels);
}

/* Quantities in thousandths, which are whole numbers. */
static long long thousandths(double value) {
    const long long rounded = (long long)(value * 1000);
    return rounded > 0 ? rounded : 1;
}

static void put_autoscaler(const bt_yaml *yaml, const bt_manifest *manifest) {
    const bt_replicas_plan *plan = &manifest->plan;
    bt_yaml_put(yaml,
                "# By two metrics that prometheus-adapter makes "
                "(configs/kubernetes/prometheus-adapter.yaml). One pod "
                "more is asked for\n"
                "# where either is above its target, a tenth of which Kubernetes tolerates.\n"
                "apiVersion: autoscaling/v2\n"
                "kind: HorizontalPodAutoscaler\n"
                "metadata:\n"
                "  name: %s\n"
                "spec:\n"
                "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}\n"
                "  # What %g requests/s take with headroom%s.\n"
                "  minReplicas: %d\n"
                "  maxReplicas: %d\n"
                "  metrics:\n"
                "    # %d hold %g %% more than this from each.\n"
                "    - type: Pods\n"
                "      pods:\n"
                "        metric: {name: batchtune_requests_per_second}\n"
                "        target: {type: AverageValue, averageValue: %lldm}\n",
                manifest->pod.name, manifest->pod.name, plan->rate_rps,
                manifest->settings->min_replicas > 0  ? ", unless --min-replicas says otherwise"
                : manifest->least > plan->recommended ? "; and two, so that one may go"
                                                      : "",
                manifest->least, manifest->most, plan->recommended, plan->headroom_percent,
                thousandths(plan->more_above_rps_each));
    bt_yaml_put(
        yaml,
        "    # And so many requests wait or run at each then: more of them, and it is slower than it was "
        "tuned.\n"
        "    - type: Pods\n"
        "      pods:\n"
        "        metric: {name: batchtune_under_way}\n"
        "        target: {type: AverageValue, averageValue: %lldm}\n"
        "  # A new one has to become warm first.\n"
        "  behavior:\n"
        "    scaleUp:\n"
        "      policies:\n"
        "        - {type: Percent, value: 100, periodSeconds: 60}\n"
        "    scaleDown:\n"
        "      stabilizationWindowSeconds: 300\n"
        "      policies:\n"
        "        - {type: Pods, value: 1, periodSeconds: 60}\n",
        thousandths(plan->more_above_under_way_each));
}

void bt_manifest_deployment(const bt_manifest *manifest, FILE *out) {
    const bt_yaml yaml = {out, 0};
    char labels[3 * BT_POD_NAME_SIZE];
    bt_pod_labels(&manifest->pod, labels);
    bt_manifest_put_head(&yaml, manifest, "as pods behind a service");
    bt_manifest_put_config(&yaml, manifest);
    put_strategy(&yaml, manifest, labels);
    put_template(&yaml, manifest, labels);
    put_service(&yaml, manifest, labels);
    put_budget(&yaml, manifest, labels);
    put_autoscaler(&yaml, manifest);
}
