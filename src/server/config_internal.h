/* Inside the config files only: a directive's row, values to and from text, and the ways in (files, CONFIG SET).
 *
 * Every value has one text form, which CONFIG GET shows and which set accepts again: defaults, rollback and rewriting
 * need no other representation. */
#ifndef TANDEM_SERVER_CONFIG_INTERNAL_H
#define TANDEM_SERVER_CONFIG_INTERNAL_H

#include "server/config.h"

enum directive_kind {
    KIND_BOOL,    /* bool */
    KIND_INT,     /* int */
    KIND_UINT,    /* unsigned */
    KIND_LONG,    /* int64_t */
    KIND_COUNT,   /* size_t */
    KIND_BYTES,   /* uint64_t, "10mb" accepted */
    KIND_OCTAL,   /* unsigned, file modes */
    KIND_STRING,  /* char * holding an sds */
    KIND_ENUM,    /* int */
    KIND_FLAGS,   /* int, several enum words; 0 is the word whose value is 0 */
    KIND_SPECIAL, /* functions of its own */
    KIND_FIXED    /* one value, the one that describes what we do; others are refused */
};

enum directive_flags {
    DIRECTIVE_IMMUTABLE = 1 << 0, /* only at start */
    DIRECTIVE_PROTECTED = 1 << 1, /* CONFIG SET only with enable-protected-configs */
    DIRECTIVE_HIDDEN = 1 << 2,    /* CONFIG GET only by its exact name */
    DIRECTIVE_MULTI_ARG = 1 << 3, /* several words in a file */
    DIRECTIVE_NO_REWRITE = 1 << 4,
    DIRECTIVE_SECRET = 1 << 5,        /* a password: not for logs */
    DIRECTIVE_ONLY_STANDARD = 1 << 6, /* no field: any value but the default is refused */
    DIRECTIVE_WHOLE_DATA = 1 << 7     /* not while data is loaded */
};

struct config_word {
    const char *word;
    int value;
};

struct rewrite; /* config_rewrite.c */

struct directive {
    const char *name, *alias;
    enum directive_kind kind;
    unsigned flags;
    void *field;
    int64_t min, max;
    const char *standard;                            /* the default as text */
    const struct config_word *words;                 /* KIND_ENUM, KIND_FLAGS: ends with a NULL word */
    const char *(*check)(slice value);               /* NULL or error text, before anything is stored */
    const char *(*apply)(void);                      /* after CONFIG SET changed it: NULL or error text */
    const char *failure;                             /* what to say instead when apply fails */
    const char *(*set)(const slice *argv, int argc); /* KIND_SPECIAL: stores; NULL or error text */
    sds (*get)(sds out);                             /* KIND_SPECIAL: appends the text form */
    void (*rewrite)(struct rewrite *rw, const struct directive *d, bool all); /* NULL: one line */
};

/* The rows of both tables one after the other: what has an effect (config_table.c), and what has one value only
 * (config_fixed.c). NULL past the end. */
const struct directive *directive_at(int i);
extern const struct directive fixed_directives[];
extern const int fixed_directive_count;
const struct directive *directive_find(slice name); /* by name or alias, without case; NULL */
bool directive_unsupported(slice name);             /* Redis 7.0 has it, Tandem has not yet */
const char *directive_refusal(slice name);          /* the sentence that says so */

/* config_value.c. Error texts live until the next failing call. */
const char *directive_set(const struct directive *d, const slice *argv, int argc);
sds directive_get(const struct directive *d, sds out);

const char *config_errorf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* config_special.c: directives of several words. */
const char *save_set(const slice *argv, int argc);
sds save_get(sds out);
void save_rewrite(struct rewrite *rw, const struct directive *d, bool all);
const char *bind_set(const slice *argv, int argc);
sds bind_get(sds out);
const char *output_limit_set(const slice *argv, int argc);
sds output_limit_get(sds out);
void output_limit_rewrite(struct rewrite *rw, const struct directive *d, bool all);
const char *clients_limit_set(const slice *argv, int argc);
sds clients_limit_get(sds out);
const char *replicaof_set(const slice *argv, int argc);
sds replicaof_get(sds out);
void replicaof_rewrite(struct rewrite *rw, const struct directive *d, bool all);
const char *oom_values_set(const slice *argv, int argc);
sds oom_values_get(sds out);
const char *percentiles_set(const slice *argv, int argc);
sds percentiles_get(sds out);
const char *dir_set(const slice *argv, int argc);
sds dir_get(sds out);

/* config_events.c */
const char *events_set(const slice *argv, int argc);
sds events_get(sds out);

/* config_apply.c: effects of a changed setting. */
const char *check_file_name(slice value);
const char *check_aof_file_name(slice value);
const char *check_aof_dir_name(slice value);
const char *check_title(slice value);
const char *apply_policy(void);
const char *apply_slow_command(void);
const char *apply_oom_score(void);
const char *apply_watchdog(void);
void limit_watchdog(void);
const char *check_cpulist(slice value);
const char *apply_max_memory(void);
const char *apply_clients_limit(void);
const char *apply_listen(void);
const char *apply_max_clients(void);
const char *apply_hz(void);
const char *apply_log_level(void);
const char *apply_crash_log(void);
const char *apply_title(void);
const char *apply_backlog_size(void);
const char *apply_link(void);
const char *apply_aof(void);
const char *apply_fsync(void);
const char *apply_requirepass(void);

/* config_file.c */
bool config_loading(void); /* start-up: lines of files and arguments are being read */
/* All of these exit on errors. */
void config_load_text(const char *text, size_t n); /* one file's or the command line's lines */
void config_load_file(const char *path);           /* a path or a glob pattern */
void config_load_start(const char *file, bool from_stdin, const char *options);

/* config_rewrite.c: one line of directive d; at the next place where the old file has it, else at the end. */
void rewrite_line(struct rewrite *rw, const struct directive *d, const char *text, bool force);
void rewrite_mark(struct rewrite *rw, const struct directive *d); /* d's remaining old lines go away */
sds rewrite_bytes(sds out, uint64_t n);                           /* "10mb", "1gb" where it divides */

#endif
