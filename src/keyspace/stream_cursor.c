/* Walking a stream, both ways.
 *
 * An entry is found from where reading stopped, going on, or from where the entry before it started, going backwards:
 * there the last element of the one wanted lies, which tells how far back it starts. */
#include "keyspace/stream_node.h"

void stream_cursor_start(struct stream_cursor *cur, const struct stream *s, struct stream_id from,
                         struct stream_id to, bool backwards) {
    *cur = (struct stream_cursor){.stream = s, .from = from, .to = to, .backwards = backwards};
    if (stream_id_cmp(from, to) > 0 || btree_count(s->nodes) == 0) return;
    /* The last node that starts at or before the bound holds it, if any does. */
    struct stream_id bound = backwards ? to : from;
    if (stream_id_cmp(bound, s->last) >= 0) {
        cur->pos = btree_last(s->nodes);
        return;
    }
    cur->pos = btree_prev(s->nodes, btree_upper(s->nodes, stream_key(bound), &bound, NULL));
    if (!btree_ok(cur->pos) && !backwards) cur->pos = btree_first(s->nodes);
}

/* Stands on the end of the last entry backwards, on the start of the first one going on. */
static void enter_node(struct stream_cursor *cur) {
    const struct stream_node *n = btree_item(cur->pos);
    struct snode_head h = snode_head(n->lp);
    cur->lp = n->lp;
    cur->master = h.fields;
    cur->n_master = (uint64_t)h.n_fields;
    cur->entry = cur->backwards ? lp_last(n->lp) : snode_skip(h.end, 1);
}

/* False: the node has no more. */
static bool to_entry(struct stream_cursor *cur) {
    if (!cur->lp)
        enter_node(cur);
    else if (cur->backwards)
        cur->entry = lp_prev(cur->lp, cur->entry);
    else
        cur->entry = snode_skip(cur->read, (cur->field ? 1 : 2) * cur->left + 1);
    if (!cur->backwards) return *cur->entry != LP_END;
    int64_t elements = snode_int(cur->entry);
    for (int64_t i = 0; i < elements; i++) cur->entry = lp_prev(cur->lp, cur->entry);
    return elements > 0;
}

/* Reads the entry's head; returns its flags. */
static int64_t read_head(struct stream_cursor *cur) {
    struct stream_id master = ((const struct stream_node *)btree_item(cur->pos))->id;
    int64_t flags = snode_int(cur->entry);
    lp_pos at = snode_skip(cur->entry, 1);
    cur->id.ms = master.ms + (uint64_t)snode_int(at);
    at = snode_skip(at, 1);
    cur->id.seq = master.seq + (uint64_t)snode_int(at);
    at = snode_skip(at, 1);
    cur->n_fields = cur->n_master;
    cur->field = flags & NODE_SAME_FIELDS ? cur->master : NULL;
    if (!cur->field) {
        cur->n_fields = (uint64_t)snode_int(at);
        at = snode_skip(at, 1);
    }
    cur->left = cur->n_fields;
    cur->read = at;
    return flags;
}

bool stream_cursor_next(struct stream_cursor *cur) {
    while (btree_ok(cur->pos)) {
        if (!to_entry(cur)) {
            cur->lp = NULL;
            cur->pos = cur->backwards ? btree_prev(cur->stream->nodes, cur->pos) : btree_next(cur->pos);
            continue;
        }
        int64_t flags = read_head(cur);
        if ((flags & NODE_DELETED) && !cur->with_deleted) continue;
        bool before = stream_id_cmp(cur->id, cur->from)<0, behind = stream_id_cmp(cur->id, cur->to)> 0;
        if (!before && !behind) return true;
        if (cur->backwards ? before : behind) break;
    }
    cur->pos = (struct btree_pos){NULL, 0};
    return false;
}

void stream_cursor_pair(struct stream_cursor *cur, struct lp_value *field, struct lp_value *value) {
    lp_pos *at = cur->field ? &cur->field : &cur->read;
    *field = lp_get(*at);
    *at = snode_skip(*at, 1);
    *value = lp_get(cur->read);
    cur->read = snode_skip(cur->read, 1);
    cur->left--;
}
