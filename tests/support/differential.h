/* Differential tests: the same random commands to ours and to the real redis-server, every reply compared, and the data
 * at the end by DEBUG DIGEST. A failure names TEST_SEED, the command and both replies.
 *
 * A rule makes one command; a test is a table of rules with weights. Commands travel in pipelines on one connection a
 * server, transactions included: what EXEC replies is compared command by command. */
#ifndef TANDEM_TESTS_DIFFERENTIAL_H
#define TANDEM_TESTS_DIFFERENTIAL_H

#include "support/server.h"

#define CMD_ARGS_MAX  20
#define CMD_ARG_BYTES 400

struct cmd {
    int argc;
    char argv[CMD_ARGS_MAX][CMD_ARG_BYTES];
    size_t len[CMD_ARGS_MAX];
};

bool chance(int percent);
void add_bytes(struct cmd *c, const void *p, size_t n);
void add(struct cmd *c, const char *s);
void add_i64(struct cmd *c, int64_t v);
const char *pick(const char *const *words, size_t n);
#define PICK(...)                                                                                            \
    pick((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
/* What follows the key in HSCAN and SSCAN: a cursor at the start, a COUNT that covers all, a filter; or nonsense. */
void add_whole_scan(struct cmd *c);
bool is_command(const struct cmd *c, const char *name); /* without case */

struct rule {
    int weight;
    void (*make)(struct cmd *c); /* argc is 0 before */
};

void make_command(const struct rule *rules, int n,
                  struct cmd *c); /* by one of the rules, as their weights say */
/* The same, for a connection: *until_exec, its own and 0 at first, ends its transactions. */
void make_next_command(const struct rule *rules, int n, struct cmd *c, int *until_exec);

struct differential {
    const struct rule *rules;
    int n_rules;
    int commands; /* times TEST_SCALE */
    /* Whether the replies agree; may sort them. NULL: when their texts do. */
    bool (*same)(const struct cmd *c, redisReply *ours, redisReply *real);
};
bool same_text(redisReply *a, redisReply *b);
void sort_reply(redisReply *r); /* the strings of an array, by their bytes */
void sort_pairs(redisReply *r); /* the pairs of an array: field and value, member and score */

/* What `from` dumps of each key, `to` restores to a value of the same digest, and (encodings) the same encoding. */
void differential_exchange_dumps(struct srv *from, struct srv *to, const char *const *keys, size_t n,
                                 bool encodings);
/* What `from` saves, `to` loads to the same data: it is restarted, with the settings of its start. */
void differential_exchange_files(struct srv *from, struct srv *to);

/* Commands to `primary`: `replica` follows them as a stream, and `late` gets all of it at the end as a snapshot. */
void differential_follow(struct srv *primary, struct srv *replica, struct srv *late, const struct rule *rules,
                         int n_rules, int commands);

/* Says on stderr which keys the servers hold differently. */
void differential_report(struct srv *a, struct srv *b);

void differential_run(struct srv *ours, struct srv *real, const struct differential *d);

#endif
