/* Triton's side of the border: those of its backend interface's functions that backend.c calls or is called by.
 *
 * The server finds the TRITONBACKEND_* functions that a backend has, and has those that a backend calls itself; nothing is
 * linked. Facts are those of the interface's version 1 (triton-inference-server/core, tritonbackend.h and tritonserver.h):
 * names, arguments and numbers. All objects are opaque. A function that returns a TRITONSERVER_Error gives NULL where all
 * went well; else the error is the caller's to delete, or to hand back to the server. */
#ifndef BT_SHIM_TRITON_TRITON_H
#define BT_SHIM_TRITON_TRITON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The server's must be of the same major version and no lower minor one. 1.0 has all that is used here. */
#define TRITONBACKEND_API_VERSION_MAJOR 1

typedef struct TRITONSERVER_Error TRITONSERVER_Error;
typedef struct TRITONSERVER_Message TRITONSERVER_Message;
typedef struct TRITONBACKEND_Backend TRITONBACKEND_Backend;
typedef struct TRITONBACKEND_Model TRITONBACKEND_Model;
typedef struct TRITONBACKEND_ModelInstance TRITONBACKEND_ModelInstance;
typedef struct TRITONBACKEND_Request TRITONBACKEND_Request;
typedef struct TRITONBACKEND_Input TRITONBACKEND_Input;
typedef struct TRITONBACKEND_Response TRITONBACKEND_Response;
typedef struct TRITONBACKEND_Output TRITONBACKEND_Output;

typedef enum TRITONSERVER_Error_Code {
    TRITONSERVER_ERROR_UNKNOWN,
    TRITONSERVER_ERROR_INTERNAL,
    TRITONSERVER_ERROR_NOT_FOUND,
    TRITONSERVER_ERROR_INVALID_ARG,
    TRITONSERVER_ERROR_UNAVAILABLE,
    TRITONSERVER_ERROR_UNSUPPORTED,
    TRITONSERVER_ERROR_ALREADY_EXISTS
} TRITONSERVER_Error_Code;

typedef enum TRITONSERVER_DataType { TRITONSERVER_TYPE_UINT8 = 2, TRITONSERVER_TYPE_FP32 = 11 } TRITONSERVER_DataType;

typedef enum TRITONSERVER_MemoryType {
    TRITONSERVER_MEMORY_CPU,
    TRITONSERVER_MEMORY_CPU_PINNED,
    TRITONSERVER_MEMORY_GPU
} TRITONSERVER_MemoryType;

typedef enum TRITONSERVER_ParameterType {
    TRITONSERVER_PARAMETER_STRING, /* const char * */
    TRITONSERVER_PARAMETER_INT,    /* const int64_t * */
    TRITONSERVER_PARAMETER_BOOL,   /* const bool * */
    TRITONSERVER_PARAMETER_DOUBLE  /* const double *; servers that know none have bytes by this number */
} TRITONSERVER_ParameterType;

typedef enum TRITONSERVER_LogLevel { TRITONSERVER_LOG_INFO } TRITONSERVER_LogLevel;

typedef enum TRITONBACKEND_ArtifactType { TRITONBACKEND_ARTIFACT_FILESYSTEM } TRITONBACKEND_ArtifactType;

#define TRITONSERVER_RESPONSE_COMPLETE_FINAL 1
#define TRITONSERVER_REQUEST_RELEASE_ALL     1

/* ---- what the server has ---- */

TRITONSERVER_Error *TRITONSERVER_ErrorNew(TRITONSERVER_Error_Code code, const char *message); /* copied */
void TRITONSERVER_ErrorDelete(TRITONSERVER_Error *error);
/* The text is the message's. */
TRITONSERVER_Error *TRITONSERVER_MessageSerializeToJson(TRITONSERVER_Message *message, const char **text, size_t *size);
TRITONSERVER_Error *TRITONSERVER_MessageDelete(TRITONSERVER_Message *message);
TRITONSERVER_Error *TRITONSERVER_LogMessage(TRITONSERVER_LogLevel level, const char *file, int line, const char *message);

TRITONSERVER_Error *TRITONBACKEND_ApiVersion(uint32_t *major, uint32_t *minor);

TRITONSERVER_Error *TRITONBACKEND_ModelName(TRITONBACKEND_Model *model, const char **name);
TRITONSERVER_Error *TRITONBACKEND_ModelVersion(TRITONBACKEND_Model *model, uint64_t *version);
/* The folder that config.pbtxt lies in. */
TRITONSERVER_Error *TRITONBACKEND_ModelRepository(TRITONBACKEND_Model *model, TRITONBACKEND_ArtifactType *type,
                                                  const char **location);
/* config.pbtxt as JSON; `layout` is 1. The message is the caller's. */
TRITONSERVER_Error *TRITONBACKEND_ModelConfig(TRITONBACKEND_Model *model, uint32_t layout, TRITONSERVER_Message **config);
TRITONSERVER_Error *TRITONBACKEND_ModelState(TRITONBACKEND_Model *model, void **state);
TRITONSERVER_Error *TRITONBACKEND_ModelSetState(TRITONBACKEND_Model *model, void *state);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceModel(TRITONBACKEND_ModelInstance *instance, TRITONBACKEND_Model **model);

TRITONSERVER_Error *TRITONBACKEND_RequestInput(TRITONBACKEND_Request *request, const char *name, TRITONBACKEND_Input **input);
TRITONSERVER_Error *TRITONBACKEND_RequestOutputCount(TRITONBACKEND_Request *request, uint32_t *count);
TRITONSERVER_Error *TRITONBACKEND_RequestOutputName(TRITONBACKEND_Request *request, uint32_t index, const char **name);
TRITONSERVER_Error *TRITONBACKEND_RequestParameterCount(TRITONBACKEND_Request *request, uint32_t *count);
TRITONSERVER_Error *TRITONBACKEND_RequestParameter(TRITONBACKEND_Request *request, uint32_t index, const char **name,
                                                   TRITONSERVER_ParameterType *type, const void **value);
TRITONSERVER_Error *TRITONBACKEND_RequestRelease(TRITONBACKEND_Request *request, uint32_t flags);

/* Any of the last six may be NULL. */
TRITONSERVER_Error *TRITONBACKEND_InputProperties(TRITONBACKEND_Input *input, const char **name, TRITONSERVER_DataType *type,
                                                  const int64_t **shape, uint32_t *dims, uint64_t *bytes, uint32_t *buffers);
/* `memory` and `device` say which is wanted, and receive which it is. The bytes are the input's until its request is
 * released. */
TRITONSERVER_Error *TRITONBACKEND_InputBuffer(TRITONBACKEND_Input *input, uint32_t index, const void **bytes, uint64_t *size,
                                              TRITONSERVER_MemoryType *memory, int64_t *device);

TRITONSERVER_Error *TRITONBACKEND_ResponseNew(TRITONBACKEND_Response **response, TRITONBACKEND_Request *request);
TRITONSERVER_Error *TRITONBACKEND_ResponseOutput(TRITONBACKEND_Response *response, TRITONBACKEND_Output **output,
                                                 const char *name, TRITONSERVER_DataType type, const int64_t *shape,
                                                 uint32_t dims);
/* As TRITONBACKEND_InputBuffer; the bytes are the response's until it is sent. */
TRITONSERVER_Error *TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output *output, void **bytes, uint64_t size,
                                               TRITONSERVER_MemoryType *memory, int64_t *device);
TRITONSERVER_Error *TRITONBACKEND_ResponseSetStringParameter(TRITONBACKEND_Response *response, const char *name,
                                                             const char *value);
/* Also deletes it. `error` stays the caller's; NULL: the outputs are the answer. */
TRITONSERVER_Error *TRITONBACKEND_ResponseSend(TRITONBACKEND_Response *response, uint32_t flags, TRITONSERVER_Error *error);

/* Nanoseconds of the monotonic clock. */
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceReportStatistics(TRITONBACKEND_ModelInstance *instance,
                                                                TRITONBACKEND_Request *request, bool success, uint64_t start,
                                                                uint64_t compute_start, uint64_t compute_end, uint64_t end);
TRITONSERVER_Error *TRITONBACKEND_ModelInstanceReportBatchStatistics(TRITONBACKEND_ModelInstance *instance, uint64_t batch,
                                                                     uint64_t start, uint64_t compute_start,
                                                                     uint64_t compute_end, uint64_t end);

/* ---- what the server calls ---- */

#define BT_TRITON_CALLS __attribute__((visibility("default")))

BT_TRITON_CALLS TRITONSERVER_Error *TRITONBACKEND_Initialize(TRITONBACKEND_Backend *backend);
BT_TRITON_CALLS TRITONSERVER_Error *TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model *model);
BT_TRITON_CALLS TRITONSERVER_Error *TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model *model);
/* From here on all requests are the backend's, each to be answered and released; where it returns an error they are the
 * server's still. */
BT_TRITON_CALLS TRITONSERVER_Error *TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance *instance,
                                                                       TRITONBACKEND_Request **requests, uint32_t count);

#endif
