#include "settings/kubernetes.h"

#include <pthread.h>

#include "settings/rows.h"

#define ROW(type, member) BT_ROW(type, bt_kubernetes_settings, member), .scope = BT_SCOPE_COMMAND
#define PODS              .group = "What runs"
#define SCALING           .group = "How many"
#define KSERVE            .group = "KServe's Triton"

static const bt_option own[] = {
    {ROW(INTEGER, min_replicas), .initial = "0", BT_BOUNDS(0, 1024), .placeholder = "N", SCALING,
     .help = "Never fewer than so many; 0: what the rate takes, and two at least, so that one may go."},
    {ROW(INTEGER, max_replicas), .initial = "0", BT_BOUNDS(0, 4096), .placeholder = "N", SCALING,
     .help = "Never more; 0: twice that."},
    {ROW(TEXT, image), .placeholder = "IMAGE", PODS,
     .help = "The image of serve-production in your registry; batchtune: and this version unless given."},
    {ROW(TEXT, weights_claim), .placeholder = "CLAIM", PODS,
     .help = "The PersistentVolumeClaim with a model's own weights or network: it is mounted where the "
             "config has them."},
    {ROW(SWITCH, load_balancer), .initial = "false", PODS,
     .help =
         "The service is of the type LoadBalancer: whoever reaches that may ask, unless pods have --keys."},
    {ROW(TEXT, storage_uri), .placeholder = "URI", KSERVE,
     .help = "Where export-triton's folder lies, as KServe fetches it (s3://, gs://, pvc://); also writes an "
             "InferenceService that has KServe's Triton serve it."},
    {ROW(TEXT, triton_image), .placeholder = "IMAGE", KSERVE,
     .help = "The image of Triton for that: one of your own, since NVIDIA's lacks libraries that the backend "
             "needs (libdnnl2, libjansson4, libzip4, libgomp1)."},
};

static bt_rows table;
static pthread_once_t made = PTHREAD_ONCE_INIT;

_Static_assert(offsetof(bt_kubernetes_settings, plan) == 0, "the plan's settings come first");

/* In place of a plan's `replicas` and `format`, which say what plan-replicas prints. */
static void make(void) {
    static const char *const of_plan[] = {"config",    "models",     "rate", "headroom_percent",
                                          "balancing", "p95_sla_ms", "seed"};
    for (size_t i = 0; i < sizeof of_plan / sizeof *of_plan; i++) {
        bt_option *row =
            bt_rows_take(&table, bt_replicas_settings_table, bt_replicas_settings_count, of_plan[i]);
        row->group = i < 2 ? "What to export" : "How many";
        if (row->type ==
            BT_OPTION_CHOICE) { /* a service of Kubernetes's own, unless another balancer is named */
            row->initial = "round-robin";
            row->help = "How requests are shared out. round-robin: in turn, as a service of Kubernetes's own "
                        "nearly does. least: to the replica that has fewest under way; the service then "
                        "names every pod to the proxy that you put in front (nginx's least_conn, Envoy's "
                        "LEAST_REQUEST).";
        }
    }
    bt_rows_add(&table, own, sizeof own / sizeof *own);
}

const bt_option *bt_kubernetes_settings_table(size_t *count) {
    pthread_once(&made, make);
    *count = table.count;
    return table.rows;
}
