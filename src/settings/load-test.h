/* What a load test is asked to do: a service's settings and the load's own, in one table of flags. */
#ifndef BT_SETTINGS_LOAD_TEST_H
#define BT_SETTINGS_LOAD_TEST_H

#include "base/options.h"
#include "settings/service.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_load_format {
    BT_LOAD_FORMAT_TABLE,
    BT_LOAD_FORMAT_JSON,
    BT_LOAD_FORMAT_MARKDOWN,
    BT_LOAD_FORMAT_JUNIT,
    BT_LOAD_FORMAT_HTML
} bt_load_format;

/* Of gamma arrivals. Below the lowest they are as good as constant; above the highest they are bursts with so
 * long a silence between them that a scenario of minutes sees a handful. */
#define BT_BURSTINESS_LEAST 0.1
#define BT_BURSTINESS_MOST  10

/* How requests of sustained, mixed and soak arrive, by the index of the choice. */
typedef enum bt_load_arrivals { BT_ARRIVALS_POISSON, BT_ARRIVALS_GAMMA, BT_ARRIVALS_RAMP } bt_load_arrivals;

typedef struct bt_load_settings {
    bt_service_settings service;    /* first: its table's rows are this table's first rows */
    bt_names models;                /* none: all that the config has */
    bt_names scenarios;             /* single, burst, sustained, mixed, soak, capacity */
    char rate[BT_OPTION_TEXT_SIZE]; /* "auto" (60 % of the predicted capacity), or requests a second */
    int64_t duration_ns;            /* of each scenario; 0: its own default */
    int64_t lengthen;               /* times its length that an undecided scenario may take; 0: by duration */
    int64_t burst_size;             /* 0: the batch size */
    int arrivals;                   /* bt_load_arrivals */
    double burstiness;              /* of gamma: the coefficient of variation of its gaps; 0: 2 */
    double ramp_from;               /* of a ramp: the share of the rate at its beginning; 0: 0.2 */
    char trace[BT_OPTION_TEXT_SIZE];       /* a file of arrival times instead; "": by `arrivals` */
    char images[BT_OPTION_TEXT_SIZE];      /* a folder of pictures to send; "": synthetic ones */
    double white;                          /* the pictures' stored value that is white; 0: what they say */
    int64_t page;                          /* of TIFF files, from 1; 0: the first */
    char image_sizes[BT_OPTION_TEXT_SIZE]; /* "" (the model's), or "128,256:2,512": sizes with weights */
    int64_t seed;
    double tolerate_cores; /* that other programs may use before a second counts as disturbed */
    /* this one run */
    char endpoint[BT_OPTION_TEXT_SIZE]; /* servers' addresses; "": a service of its own */
    char config[BT_OPTION_TEXT_SIZE];   /* configs/production_batch_config.json */
    bool mpi;                           /* one of the processes that mpirun started, which send together */
    bool quiet;
    int format;                       /* bt_load_format, of what is printed */
    char output[BT_OPTION_TEXT_SIZE]; /* a file for what would be printed; "": standard output */
    char results[BT_OPTION_TEXT_SIZE], plots[BT_OPTION_TEXT_SIZE];
} bt_load_settings;

/* The whole table; `count` receives its length. Made at the first call, constant after; any thread. */
const bt_option *bt_load_settings_table(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
