/* What every session that computes on the CPU needs to say and to count. */
#ifndef BT_BACKEND_HOST_H
#define BT_BACKEND_HOST_H

#include "backend/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "cpu: AMD EPYC ..."; "cpu" where the system does not tell. */
void bt_host_describe(char *out, size_t size);

/* Gives what malloc keeps but nobody holds back to the kernel, so that resident memory is memory in use
 * whenever counting begins. */
void bt_host_trim(void);

/* The two memory operations of a session whose memory is the process's. */
BT_MUST_USE bt_status bt_host_memory_reset(bt_error *error);
bt_memory bt_host_memory(int64_t before_bytes);

#ifdef __cplusplus
}
#endif
#endif
