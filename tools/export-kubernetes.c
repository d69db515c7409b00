/* export-kubernetes: the tuned config as manifests for Kubernetes and KServe. Measures nothing and loads no runtime. */
#include <stdio.h>

#include "base/command.h"
#include "base/program.h"
#include "export/kubernetes.h"

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "each model's manifests are written"},
    {BT_EXIT_FAILED, "memory ran out, or a file could not be written"},
    {BT_EXIT_USAGE,
     "wrong usage, or the config, a model of it or its measured times are not there or broken"},
    {BT_EXIT_BROKEN, "of a model nothing is written: no number of replicas keeps its promise"},
    {0, NULL},
};

static const char *const exit_words[] = {"good", "failed", "bad-input", "sla-broken"};

static const char *folder = "kubernetes";

static bt_command command = {
    .name = "export-kubernetes",
    .summary =
        "Writes what optimize-batch chose as manifests, a folder for each model: deployment.yaml for "
        "Kubernetes\n"
        "alone, kserve.yaml for KServe. Cores and memory are the config's; how many pods there are, and when "
        "to have\n"
        "more or fewer, is what plan-replicas says of the rate.",
    .prints = "what was written",
    .usage = "--rate RPS [options] [FOLDER]",
    .examples =
        "  export-kubernetes --rate 400                           into kubernetes/\n"
        "  kubectl apply --filename kubernetes/hrnet/deployment.yaml\n"
        "  export-kubernetes --rate 400 --balancing least         behind a proxy that balances requests\n"
        "  export-kubernetes --rate 400 --image registry.example.org/batchtune:0.1.0\n"
        "  export-kubernetes --rate 400 --models hrnet --storage-uri s3://models/hrnet \\\n"
        "      --triton-image registry.example.org/tritonserver:24.10\n"
        "                                                         also for KServe's Triton\n",
    .exits = exits,
    .exit_words = exit_words,
    .operands = &folder,
    .operand_count = 1,
    .operands_optional = 1,
};

static bt_status run(const bt_kubernetes_settings *settings, bool *keeps, bt_error *error) {
    bt_config *config = NULL;
    bt_status status = bt_config_load_flag(&config, settings->plan.config, error);
    if (status == BT_OK) status = bt_kubernetes_export(config, settings, folder, keeps, stdout, error);
    bt_config_close(&config);
    return bt_command_printed(stdout, status);
}

int main(int argc, char **argv) {
    static bt_kubernetes_settings settings;
    bt_option_sources sources;
    bt_error error;
    bool keeps = false;
    bt_program_begin(BT_SIGNALS_END);
    command.table = bt_kubernetes_settings_table(&command.count);
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    const bt_status status = run(&settings, &keeps, &error);
    code = status != BT_OK ? bt_command_fail(&command, &error, stderr)
           : keeps         ? BT_EXIT_GOOD
                           : BT_EXIT_BROKEN;
    return bt_command_finish(&command, stdout, stderr, false, code);
}
