/* The messages of client side caching; see tracking_send.h. */
#include "command/tracking_send.h"

#include <stdio.h>
#include "base/sds.h"
#include "command/pubsub.h"
#include "resp/request.h"

void telling_begin(struct telling *t, slice key) {
    *t = (struct telling){.key = key};
}

void telling_begin_body(struct telling *t, slice body) {
    *t = (struct telling){.body = body};
}

void telling_begin_all(struct telling *t) {
    *t = (struct telling){.key = {NULL, 0}};
}

sds telling_cat_key(sds s, slice key) {
    char head[REQUEST_HEAD_BYTES];
    s = sds_cat(s, head, request_head(head, '$', key.n));
    s = sds_cat(s, key.p, key.n);
    return sds_cat(s, "\r\n", 2);
}

static struct reply_piece make_piece(int version, sds text) {
    struct reply_piece piece = reply_piece_new(version, sds_len(text));
    memcpy(piece.p, text, sds_len(text));
    sds_free(text);
    return piece;
}

static void encode(struct telling *t, int version) {
    sds s = sds_new(version ? ">2\r\n$10\r\ninvalidate\r\n"
                            : "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n");
    if (t->key.p)
        s = telling_cat_key(sds_cat_str(s, "*1\r\n"), t->key);
    else if (t->body.p)
        s = sds_cat(s, t->body.p, t->body.n);
    else
        s = sds_cat_str(s, version ? "_\r\n" : "$-1\r\n");
    t->forms[version] = make_piece(version, s);
}

/* The connection that was to be told has gone: RESP3 has a word for that. */
static void tell_broken(struct tracker *t) {
    t->broken = true;
    t->c->flags |= CLIENT_TRACKING_BROKEN;
    if (t->c->out.proto != 3) return;
    struct reply_piece piece = make_piece(1, sds_cat_printf(sds_empty(),
                                                            ">2\r\n$21\r\ntracking-redir-broken\r\n:%llu\r\n",
                                                            (unsigned long long)t->redirect));
    push_piece(t->c, &piece);
    reply_piece_done(&piece);
}

/* RESP2 has no pushes: only a subscriber's connection can be told. */
void tell(struct telling *telling, struct tracker *t) {
    struct client *to = t->redirect ? t->target : t->c;
    if (!to) {
        tell_broken(t);
        return;
    }
    int version = to->out.proto == 3;
    if (!version && !(t->redirect && (to->flags & CLIENT_PUBSUB))) return;
    if (!telling->forms[version].block) encode(telling, version);
    push_piece(to, &telling->forms[version]);
}

void telling_end(struct telling *t) {
    for (int i = 0; i < 2; i++)
        if (t->forms[i].block) reply_piece_done(&t->forms[i]);
}
