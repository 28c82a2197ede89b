/* See fixture.h. */
#include "fixture.h"

#include "command/access.h"
#include "command/blocking.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/sds.h"
#include "command/propagate.h"
#include "event/loop.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/info.h"
#include "support/log_bytes.h"

static struct backlog_cursor reader;
static struct client *clients[16];
static int n_clients;

static void key_modified(struct db *db, slice key) {
    watch_key_modified(db, key);
    blocking_key_modified(db, key);
}

void command_setup(void) {
    static const struct ks_hooks keyspace = {.expired = propagate_expired,
                                             .modified = key_modified,
                                             .flushed = watch_before_flush,
                                             .swapped = watch_before_swap};
    static const struct client_hooks hooks = {.prepare = dispatch_prepare,
                                              .execute = dispatch_execute,
                                              .closed = dispatch_closed,
                                              .facts = dispatch_facts};
    command_init();
    access_init();
    config_init();
    slice no_saves[2] = {SLICE("save"), SLICE("")};
    cr_assert_null(config_set(no_saves, 1)); /* FLUSHALL would write a file */
    ev_init();
    ks_init(16);
    client_room_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
    info_init();
    dispatch_init();
    ks_set_hooks(&keyspace);
    client_set_hooks(&hooks);
    clock_update();
    backlog_start(0);
    backlog_attach(&reader, 1);
}

void command_teardown(void) {
    for (int i = 0; i < n_clients; i++) client_close(clients[i]);
    ev_turn(0);
    backlog_detach(&reader);
    repl_shutdown();
    client_room_shutdown();
    ks_shutdown();
    ev_shutdown();
}

struct client *new_client(void) {
    struct client *c = client_new(-1);
    cr_assert_lt(n_clients, 16);
    clients[n_clients++] = c;
    c->authenticated = true;
    c->out.muted = false;
    return c;
}

static sds encode(int argc, const slice *argv) {
    sds s = sds_cat_printf(sds_empty(), "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        s = sds_cat_printf(s, "$%zu\r\n", argv[i].n);
        s = sds_cat(s, argv[i].p, argv[i].n);
        s = sds_cat(s, "\r\n", 2);
    }
    return s;
}

static const char *take_reply(struct client *c) {
    static sds text;
    struct iovec iov[64];
    int n;
    if (!text) text = sds_empty();
    sds_set_len(text, 0);
    while ((n = reply_iov(&c->out, iov, 64)) > 0)
        for (int i = 0; i < n; i++) {
            text = sds_cat(text, iov[i].iov_base, iov[i].iov_len);
            reply_consume(&c->out, iov[i].iov_len);
        }
    return text;
}

static const char *execute(struct client *c, const char *line, bool is_inline) {
    int argc;
    sds *words = sds_split_words(line, strlen(line), &argc);
    slice argv[32];
    cr_assert(words && argc > 0 && argc <= 32);
    for (int i = 0; i < argc; i++) argv[i] = sds_slice(words[i]);
    sds raw = encode(argc, argv);
    struct request r = {.c = c, .argv = argv, .argc = argc, .raw = sds_slice(raw), .is_inline = is_inline};
    if (is_inline) r.raw = (slice){line, strlen(line)};
    dispatch_prepare(&r, 1);
    dispatch_execute(c, &r);
    sds_free(raw);
    sds_free_words(words, argc);
    return take_reply(c);
}

const char *ask(struct client *c, const char *line) {
    return execute(c, line, false);
}

const char *ask_inline(struct client *c, const char *line) {
    return execute(c, line, true);
}

void expect(struct client *c, const char *line, const char *reply) {
    const char *got = ask(c, line);
    cr_assert_str_eq(got, reply, "%s: got %s instead of %s", line, got, reply);
}

static long number_after(const char **p, char mark) {
    cr_assert_eq(**p, mark, "the log is not RESP at: %s", *p);
    char *end;
    long v = strtol(*p + 1, &end, 10);
    *p = end + 2;
    return v;
}

const char *logged(void) {
    static sds text;
    sds bytes = sds_empty();
    slice s;
    while ((s = log_bytes(&reader)).n > 0) {
        bytes = sds_cat(bytes, s.p, s.n);
        backlog_advance(&reader, s.n);
    }
    if (!text) text = sds_empty();
    sds_set_len(text, 0);
    for (const char *p = bytes; *p;) {
        if (sds_len(text)) text = sds_cat_str(text, "; ");
        for (long argc = number_after(&p, '*'); argc > 0; argc--) {
            long n = number_after(&p, '$');
            text = sds_cat(text, p, (size_t)n);
            if (argc > 1) text = sds_cat_str(text, " ");
            p += n + 2;
        }
    }
    sds_free(bytes);
    return text;
}

void pass_ms(int ms) {
    usleep((useconds_t)ms * 1000);
    clock_update();
}
