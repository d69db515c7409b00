#include "export/manifest.h"

#include "export/entry.h"

static void put_rows(const bt_yaml *yaml, const bt_replicas_plan *plan) {
    for (int i = 0; i < plan->row_count; i++) {
        const bt_replicas_row *row = &plan->rows[i];
        bt_yaml_put(yaml, "#   %d hold %.1f requests/s; at %g P95 is %.1f ms%s\n", row->replicas,
                    row->holds_rps, plan->rate_rps, row->p95_ms, row->keeps ? "" : ": broken");
    }
}

void bt_manifest_put_head(const bt_yaml *yaml, const bt_manifest *manifest, const char *what) {
    const bt_replicas_plan *plan = &manifest->plan;
    const bt_config_model *model = manifest->model;
    char name[BT_YAML_QUOTED_SIZE], run[BT_YAML_QUOTED_SIZE];
    bt_yaml_put(
        yaml,
        "# The model %s %s. Written by export-kubernetes, which may write it anew, of what batchtune tuned\n"
        "# (run %s, batches of up to %d%s).\n"
        "#\n"
        "# Asked: %g requests/s on average, each P95 within %g ms. Simulated, requests sent %s:\n",
        bt_yaml_quote(model->name, name), what,
        bt_yaml_quote(model->run_id[0] ? model->run_id : "unknown", run), model->optimal_batch_size,
        model->provisional ? "; provisional: not shown to keep the promise" : "", plan->rate_rps,
        plan->p95_sla_ms, bt_balancing_words(plan->balancing));
    put_rows(yaml, plan);
    bt_yaml_put(yaml, "# %d would do; %d with a headroom of %g %%.\n", plan->least, plan->recommended,
                plan->headroom_percent);
}

void bt_manifest_put_config(const bt_yaml *yaml, const bt_manifest *manifest) {
    const bt_yaml data = {yaml->out, yaml->indent + 2};
    char labels[3 * BT_POD_NAME_SIZE];
    bt_pod_labels(&manifest->pod, labels);
    bt_yaml_put(yaml,
                "# The config, of this model alone. Its name has its hash: another one rolls out like "
                "another image.\n"
                "apiVersion: v1\n"
                "kind: ConfigMap\n"
                "metadata:\n"
                "  name: %s\n"
                "  labels: %s\n"
                "immutable: true\n"
                "data:\n",
                manifest->pod.config_name, labels);
    bt_yaml_json(&data, BT_EXPORT_CONFIG, manifest->config);
    if (manifest->calibration) bt_yaml_json(&data, manifest->model->calibration, manifest->calibration);
    bt_yaml_put(yaml, "---\n");
}
