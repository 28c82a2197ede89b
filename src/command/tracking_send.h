/* Inside command/: the messages of client side caching. One telling goes to any number of clients and is encoded once for each
 * of its forms: a RESP3 push, or in RESP2 a message of the channel __redis__:invalidate. */
#ifndef TANDEM_COMMAND_TRACKING_SEND_H
#define TANDEM_COMMAND_TRACKING_SEND_H

#include "command/tracking.h"

struct telling {
    slice key, body; /* of one key, or (key.p NULL) what is in body: an array; neither: all keys are gone */
    struct reply_piece forms[2];
};
void telling_begin(struct telling *t, slice key);       /* the slices live until telling_end */
void telling_begin_body(struct telling *t, slice body); /* "*2\r\n" and what telling_cat_key gave */
void telling_begin_all(struct telling *t);
sds telling_cat_key(sds s, slice key);
void tell(struct telling *telling, struct tracker *t);
void telling_end(struct telling *t);

#endif
