/* The functions behind the table that work on a session; torch_shim.h says what each does. */
#ifndef BT_SHIM_SESSION_H
#define BT_SHIM_SESSION_H

#include "torch_shim.h"

namespace bt {

bt_status session_open(bt_torch_session **out, const bt_torch_options *options, bt_torch_session_facts *facts,
                       bt_error *error);
bt_status session_prepare(bt_torch_session *session, int batch_size, bt_error *error);
bt_status session_run(bt_torch_session *session, int batch_size, const float *images, float *logits,
                      bt_error *error);
bt_status session_memory_reset(bt_torch_session *session, bt_error *error);
bt_status session_memory(bt_torch_session *session, bt_torch_memory *memory, bt_error *error);
void session_close(bt_torch_session *session);

} // namespace bt
#endif
