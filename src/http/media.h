/* Which of the forms that an answer can have a client wants, by its header Accept (RFC 9110, 12.5.1): ranges with a
 * quality each, of which the most specific that fits a form tells how much that is wanted. */
#ifndef BT_HTTP_MEDIA_H
#define BT_HTTP_MEDIA_H

#ifdef __cplusplus
extern "C" {
#endif

/* The number among `count` types ("application/json", in order of our own preference) of the one that is wanted most;
 * -1 where none is. Without a header (NULL or empty) it is the first. Of those wanted alike the one that was named
 * goes before one that a star covers, then the earlier one. Parameters but the quality are passed over, and so
 * is a range that is none. */
int bt_media_choose(const char *accept, const char *const *types, int count);

#ifdef __cplusplus
}
#endif
#endif
