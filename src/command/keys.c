/* Finding keys among arguments; see keys.h.
 *
 * A request that contradicts one specification has no keys at all: it is going to be a syntax error, for which nobody's permission
 * is needed. */
#include "command/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "base/num.h"

static void add_key(struct command_keys *keys, int pos, uint32_t flags) {
    if (keys->n == keys->cap) {
        int cap = keys->cap * 2;
        struct key_ref *v = mem_alloc((size_t)cap * sizeof *v);
        memcpy(v, keys->v, (size_t)keys->n * sizeof *v);
        command_keys_free(keys);
        keys->v = v;
        keys->cap = cap;
    }
    keys->v[keys->n++] = (struct key_ref){pos, flags};
}

void command_keys_free(struct command_keys *keys) {
    if (keys->v != keys->few) mem_free(keys->v, (size_t)keys->cap * sizeof *keys->v);
}

/* Where the search begins: 0 when the keyword isn't there. */
static int begin_of(const struct command *cmd, const struct key_spec *k, const slice *argv, int argc) {
    if (k->begin == BEGIN_INDEX) return k->index;
    if (k->begin == BEGIN_UNKNOWN)
        return cmd->unknown_key && (k->flags & KEY_OW) ? cmd->unknown_key(argv, argc) : 0;
    int start = k->index > 0 ? k->index : argc + k->index, end = k->index > 0 ? argc - 1 : 1;
    int step = start <= end ? 1 : -1;
    for (int i = start; i != end; i += step) {
        if (i < 1 || i >= argc) break;
        if (slice_is(argv[i], k->keyword)) return i + 1;
    }
    return 0;
}

static bool find_range(const struct key_spec *k, uint32_t flags, int first, int argc,
                       struct command_keys *keys) {
    int last = k->last >= 0 ? first + k->last : argc + k->last;
    if (k->last < 0 && k->limit > 1) last = first + (argc - first) / k->limit + k->last;
    if (first >= argc || last >= argc || last < first) return false;
    for (int i = first; i <= last; i += k->step) add_key(keys, i, flags);
    return true;
}

static bool find_counted(const struct key_spec *k, uint32_t flags, int first, int64_t n, int argc,
                         struct command_keys *keys) {
    int begin = first + k->first_key;
    if (n < 1 || n > (argc - begin) / k->step) return false;
    for (int i = 0; i < n; i++) add_key(keys, begin + i * k->step, flags);
    return true;
}

static bool find_by(const struct command *cmd, const struct key_spec *k, const slice *argv, int argc,
                    struct command_keys *keys) {
    int first = begin_of(cmd, k, argv, argc);
    uint32_t flags = k->flags;
    int64_t n;
    if ((flags & KEY_VARIABLE_FLAGS) && cmd->key_flags) flags = cmd->key_flags(argv, argc);
    if (first == 0 || (flags & KEY_NOT_KEY)) return true;
    if (k->begin == BEGIN_KEYWORD &&
        (flags & KEY_INCOMPLETE)) { /* MIGRATE "" ... KEYS; with a key it is an error */
        if (keys->n && argv[keys->v[0].pos].n) return true;
        keys->n = 0;
    }
    if (k->begin == BEGIN_UNKNOWN) {
        add_key(keys, first, flags);
    } else if (k->find == FIND_RANGE) {
        return find_range(k, flags, first, argc, keys);
    } else if (k->find == FIND_KEYNUM) {
        int at = first + k->keynum_index;
        return at < argc && num_parse_i64(argv[at], &n) && find_counted(k, flags, first, n, argc, keys);
    }
    return true;
}

/* What Redis makes of a count that is no number: "2x" is 2, and nothing is known of what is done with the keys. The command
 * is going to fail, but may say so only to those who may see the keys. */
static void find_loosely(const struct command *cmd, const slice *argv, int argc, struct command_keys *keys) {
    char text[24];
    bool found = false;
    for (const struct key_spec *k = cmd->keys; k && k->flags; k++) {
        int at = k->index + k->keynum_index;
        if (k->find != FIND_KEYNUM || at >= argc) continue;
        snprintf(text, sizeof text, "%.*s", (int)(argv[at].n < sizeof text ? argv[at].n : sizeof text),
                 argv[at].p);
        found |= find_counted(k, 0, k->index, strtol(text, NULL, 10), argc, keys);
    }
    for (const struct key_spec *k = cmd->keys; found && k->flags; k++)
        if (k->find == FIND_RANGE) add_key(keys, k->index, 0);
}

bool command_has_keys(const struct command *cmd) {
    for (const struct key_spec *k = cmd->keys; k && k->flags; k++)
        if (!(k->flags & KEY_NOT_KEY)) return true;
    return false;
}

void command_keys_find(const struct command *cmd, const slice *argv, int argc, struct command_keys *keys) {
    keys->v = keys->few;
    keys->n = 0;
    keys->cap = sizeof keys->few / sizeof *keys->few;
    bool ok = true;
    for (const struct key_spec *k = cmd->keys; k && k->flags && ok; k++)
        ok = find_by(cmd, k, argv, argc, keys);
    if (ok) return;
    keys->n = 0;
    find_loosely(cmd, argv, argc, keys);
}
