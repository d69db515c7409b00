/* C's atomic types, for headers that C++ must be able to read too. */
#ifndef BT_BASE_ATOMIC_H
#define BT_BASE_ATOMIC_H

#ifdef __cplusplus
/* Sizes and places as in C; nobody in C++ touches the values. */
typedef struct {
    bool value;
} atomic_bool;
typedef struct {
    int value;
} atomic_int;
typedef struct {
    long long value;
} atomic_llong;
typedef struct {
    unsigned char value;
} atomic_uchar;
typedef struct {
    unsigned value;
} atomic_uint;
#else
#include <stdatomic.h>
#endif

#endif
