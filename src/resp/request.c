/* The encoder of requests; see request.h. */
#include "resp/request.h"

size_t request_head(char to[REQUEST_HEAD_BYTES], char mark, size_t n) {
    to[0] = mark;
    size_t length = 1 + num_format_u64(to + 1, n);
    to[length++] = '\r';
    to[length++] = '\n';
    return length;
}

sds request_cat(sds s, int argc, const slice *argv) {
    char head[REQUEST_HEAD_BYTES];
    s = sds_cat(s, head, request_head(head, '*', (size_t)argc));
    for (int i = 0; i < argc; i++) {
        s = sds_cat(s, head, request_head(head, '$', argv[i].n));
        s = sds_cat(s, argv[i].p, argv[i].n);
        s = sds_cat(s, "\r\n", 2);
    }
    return s;
}
