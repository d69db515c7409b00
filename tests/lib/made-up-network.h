/* Small networks of a test's own, described as the built-in ones are. */
#ifndef BT_TESTS_MADE_UP_NETWORK_H
#define BT_TESTS_MADE_UP_NETWORK_H

#include "networks/builder.h"
#include "record/calibration.h"

/* What `describe` says, called "odd", for sizes that are even; fails the test where that is no network.
 * bt_network_close. */
bt_network *made_up_network(int (*describe)(bt_builder *builder));

/* A network with every operation, each also in the form that the built-in two do not have: a residual of a
 * tensor that is read again, attention over pixels alone, a pool read twice, a concatenation copied. */
int describe_every_operation(bt_builder *b);

/* A calibration of every tensor of `network` but the image: channel c of tensor t reaches t + 1 + c / 16. Fails
 * the test without memory. */
bt_calibration *made_up_calibration(const bt_network *network);

#endif
