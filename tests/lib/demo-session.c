#include "demo-session.h"

#include "expect.h"

bt_session_options demo_session(const char *backend, const char *model, bt_path path, int side) {
    return (bt_session_options){
        .backend = backend,
        .model = model,
        .weights = "demo",
        .device = "cpu",
        .path = path,
        .height = side,
        .width = side,
    };
}

bt_session *open_session(bt_session_options options) {
    bt_session *session = NULL;
    bt_error error = {0};
    must(bt_session_open(&session, &options, &error), &error);
    return session;
}
