#include "image/ome-xml.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "base/text.h"

#define SIZE_MAX_BYTES (1 << 26) /* some 200 bytes a page */
#define DEPTH_MAX      64
#define UUID_SIZE      64

/* A document while it is read. Elements count by their local names: "OME:Pixels" is Pixels. */
typedef struct reader {
    XML_Parser parser;
    bt_ome *out;
    int index, depth;
    bool in_image, in_pixels, in_tiff_data, in_uuid;
    char own_uuid[UUID_SIZE], uuid[UUID_SIZE]; /* the file's, and that of the file which has the data */
    size_t uuid_length;
    long first, count; /* the directories of a TiffData */
    int bits;          /* of the Pixels that is read */
    bool has_page, seen_pixels;
    bool done; /* there is no need to read on */
    const char *refused;
} reader;

static const char *local(const char *name) {
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static bool is(const char *name, const char *other) {
    return strcmp(local(name), other) == 0;
}

static const char *attribute(const char **attributes, const char *name) {
    for (; attributes[0]; attributes += 2)
        if (is(attributes[0], name)) return attributes[1];
    return NULL;
}

static long number(const char **attributes, const char *name, long otherwise) {
    const char *text = attribute(attributes, name);
    char *end;
    long value = text ? strtol(text, &end, 10) : otherwise;
    return !text || end == text || value < 0 || value > INT_MAX ? otherwise : value;
}

static void stop(reader *r, const char *refused) {
    r->refused = refused;
    r->done = true;
    XML_StopParser(r->parser, XML_FALSE);
}

static void begin_root(reader *r, const char *name, const char **attributes) {
    const char *uuid = attribute(attributes, "UUID");
    r->out->is_ome = is(name, "OME");
    if (uuid) snprintf(r->own_uuid, sizeof r->own_uuid, "%s", uuid);
    if (!r->out->is_ome) stop(r, NULL);
}

/* A TiffData without IFD and PlaneCount has all directories, one with IFD alone that one. */
static void begin_tiff_data(reader *r, const char **attributes) {
    bool whole = !attribute(attributes, "IFD") && !attribute(attributes, "PlaneCount");
    r->in_tiff_data = true;
    r->first = number(attributes, "IFD", 0);
    r->count = whole ? INT_MAX : number(attributes, "PlaneCount", 1);
    r->uuid_length = 0;
}

/* One that lies in another file, as its UUID says, is not of this page. */
static void end_tiff_data(reader *r) {
    r->uuid[r->uuid_length] = '\0';
    bool elsewhere = r->uuid_length > 0 && r->own_uuid[0] && strcmp(r->uuid, r->own_uuid) != 0;
    if (!elsewhere && r->index >= r->first && r->index - r->first < r->count) r->has_page = true;
    r->in_tiff_data = false;
}

static void begin_pixels(reader *r, const char **attributes) {
    r->in_pixels = true;
    r->has_page = false;
    r->bits = (int)number(attributes, "SignificantBits", 0);
    if (!r->seen_pixels) r->out->significant_bits = r->bits; /* until one is found that has the page */
    r->seen_pixels = true;
}

static void end_pixels(reader *r) {
    r->in_pixels = false;
    if (!r->has_page) return;
    r->out->significant_bits = r->bits;
    stop(r, NULL);
}

static void begin(void *user, const char *name, const char **attributes) {
    reader *r = user;
    if (r->done) return;
    if (++r->depth > DEPTH_MAX) {
        stop(r, "it is nested too deeply");
    } else if (r->depth == 1) {
        begin_root(r, name, attributes);
    } else if (r->depth == 2 && is(name, "BinaryOnly")) {
        const char *file = attribute(attributes, "MetadataFile");
        if (!file) file = "another file";
        snprintf(r->out->companion, sizeof r->out->companion, "%.*s",
                 (int)bt_text_fit(file, sizeof r->out->companion - 1), file);
    } else if (r->depth == 2) {
        r->in_image = is(name, "Image");
    } else if (r->depth == 3 && r->in_image && is(name, "Pixels")) {
        begin_pixels(r, attributes);
    } else if (r->depth == 4 && r->in_pixels && is(name, "TiffData")) {
        begin_tiff_data(r, attributes);
    } else if (r->depth == 5 && r->in_tiff_data) {
        r->in_uuid = is(name, "UUID");
    }
}

static void end(void *user, const char *name) {
    reader *r = user;
    (void)name;
    if (r->done) return;
    int depth = r->depth--;
    if (depth == 5) r->in_uuid = false;
    if (depth == 4 && r->in_tiff_data) end_tiff_data(r);
    if (depth == 3 && r->in_pixels) end_pixels(r);
    if (depth == 2) r->in_image = false;
}

static void text_of(void *user, const char *text, int size) {
    reader *r = user;
    for (int i = 0; i < size && r->in_uuid && r->uuid_length < UUID_SIZE - 1; i++)
        if (!strchr(" \t\r\n", text[i])) r->uuid[r->uuid_length++] = text[i];
}

static void refuse_document_type(void *user, const char *name, const char *system, const char *public_id,
                                 int internal) {
    (void)name, (void)system, (void)public_id, (void)internal;
    stop(user, "it has a document type");
}

/* Many a writer says UTF-8 and puts Latin-1's micro sign behind a number. */
static bt_status make_parser(XML_Parser *out, const char *text, size_t size, bt_error *error) {
    char *copy = strndup(text, size);
    *out = copy ? XML_ParserCreate(bt_text_is_utf8(copy) ? NULL : "ISO-8859-1") : NULL;
    free(copy);
    return *out ? BT_OK : bt_no_memory(error, "reading OME-XML");
}

static bt_status parse(reader *r, const char *text, size_t size, bt_error *error) {
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, begin, end);
    XML_SetCharacterDataHandler(r->parser, text_of);
    XML_SetStartDoctypeDeclHandler(r->parser, refuse_document_type);
    bool good = XML_Parse(r->parser, text, (int)size, XML_TRUE) == XML_STATUS_OK;
    enum XML_Error code = XML_GetErrorCode(r->parser);
    if (code == XML_ERROR_NO_MEMORY) return bt_no_memory(error, "reading OME-XML");
    if (r->refused)
        snprintf(r->out->broken, sizeof r->out->broken, "%s", r->refused);
    else if (!good && !r->done)
        snprintf(r->out->broken, sizeof r->out->broken, "line %lu: %s",
                 (unsigned long)XML_GetCurrentLineNumber(r->parser), XML_ErrorString(code));
    r->out->is_ome |= r->out->broken[0] != '\0'; /* it has its name, wherever it broke */
    return BT_OK;
}

bt_status bt_ome_read(bt_ome *out, const char *text, size_t size, int index, bt_error *error) {
    reader r = {.out = out, .index = index};
    *out = (bt_ome){0};
    while (size > 0 && (text[size - 1] == '\0' || strchr(" \t\r\n", text[size - 1])))
        size--;
    while (size > 0 && strchr(" \t\r\n", *text)) /* before an XML declaration nothing may stand */
        text++, size--;
    if (size == 0 || !memchr(text, '<', size < 4 ? size : 4)) return BT_OK;
    if (!memmem(text, size, "<OME", 4) && !memmem(text, size, ":OME", 4)) return BT_OK;
    if (size > SIZE_MAX_BYTES) {
        out->is_ome = true;
        snprintf(out->broken, sizeof out->broken, "it has %zu bytes", size);
        return BT_OK;
    }
    bt_status status = make_parser(&r.parser, text, size, error);
    if (status != BT_OK) return status;
    status = parse(&r, text, size, error);
    XML_ParserFree(r.parser);
    return status;
}

#endif
