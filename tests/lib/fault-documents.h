/* What the tests of failing calls work on, made once with plenty of memory and a good disk, in a scratch
 * folder; and what several of them try with it. */
#ifndef BT_TESTS_FAULT_DOCUMENTS_H
#define BT_TESTS_FAULT_DOCUMENTS_H

#include "base/files.h"
#include "faults.h"
#include "record/calibration.h"
#include "record/config.h"
#include "record/gate-verdict.h"
#include "record/load-record.h"
#include "record/sweep-record.h"

typedef struct fault_documents {
    bt_record *record;    /* also record.json */
    bt_load_record *load; /* load.json */
    bt_config *config;    /* config.json */
    const bt_config_model *hrnet;
    bt_gate_record *gate;        /* gate.json */
    bt_gate_verdict *verdict;    /* verdict.json */
    bt_calibration *calibration; /* calibration.json */
    char root[BT_PATH_SIZE / 2]; /* the repository's, whose tests/ holds more files */
} fault_documents;

/* Besides the files named above there are journal.jsonl (cut off in a line), settings.json, trace.txt and
 * a.safetensors (two numbers) and a.onnx (one operation). */
extern fault_documents made;

/* A group's set-up and tear-down, which says how many failures were planted. */
int fault_documents_make(void **state);
int fault_documents_remove(void **state);

/* main() of a layer's test: memory runs out in each case, and jansson's in those that write documents.
 * BATCHTUNE_ONLY=a_document_runs_out_of_memory runs the latter alone. */
int faults_memory_main(const char *layer, const fault_case *cases, size_t count);

/* Writes a.onnx. */
void fault_write_onnx(void);

/* ---- cases of several tests ---- */

bt_status fault_begin_run(bt_error *error); /* a tuning run's folder and journal */
bt_status fault_resume_run(bt_error *error);
bt_status fault_read_trace(bt_error *error);
bt_status fault_publish_files(bt_error *error); /* plots and reports */
bt_status fault_index_runs(bt_error *error);

#endif
