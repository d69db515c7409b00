/* A tuning run's folder, and the header of its journal: what must be the same where it is resumed. */
#include "base/cores.h"
#include "base/version.h"
#include "tune/optimize.h"

#define JOURNAL_FORMAT 6 /* of what stands in the journal's lines */

bt_status bt_optimize_open_run(bt_run **out, const bt_settings *settings, const bt_machine *machine,
                               bt_error *error) {
    *out = NULL;
    json_t *header = bt_options_write_json(bt_settings_table, bt_settings_count, settings);
    if (!header || json_object_set_new(header, "journal_format", json_integer(JOURNAL_FORMAT)) != 0 ||
        json_object_set_new(header, "machine", json_string(machine->fingerprint)) != 0 ||
        json_object_set_new(header, "tool_version", json_string(bt_version())) != 0 ||
        /* Beside other ranks of its host it has a slice of the cores, whose figures are no others'. */
        (settings->mpi && json_object_set_new(header, "cores_a_rank", json_integer(bt_cores_count())) != 0)) {
        json_decref(header);
        return bt_no_memory(error, "the run's header");
    }
    bt_status status = bt_run_open(out, settings->results, "optimize-batch", header, settings->resume, error);
    json_decref(header);
    return status;
}
