/* The names with "slave" in them: each may stand in a file, be read and be set, and is kept by CONFIG REWRITE as it is by the
 * real server. */
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *old, *new, *in_file, *set, *refused;
} names[] = {
    {"slave-announce-ip", "replica-announce-ip", "10.1.2.3", "some.name", NULL},
    {"slave-announce-port", "replica-announce-port", "1234", "4321", "65536"},
    {"slave-ignore-maxmemory", "replica-ignore-maxmemory", "no", "yes", "1"},
    {"slave-lazy-flush", "replica-lazy-flush", "yes", "no", "maybe"},
    {"slave-priority", "replica-priority", "7", "0", "-1"},
    {"slave-read-only", "replica-read-only", "no", "yes", "on"},
    {"slave-serve-stale-data", "replica-serve-stale-data", "no", "yes", "x"},
    {"repl-ping-slave-period", "repl-ping-replica-period", "3600", "1000", "0"},
    {"min-slaves-to-write", "min-replicas-to-write", "3", "2", "-1"},
    {"min-slaves-max-lag", "min-replicas-max-lag", "11", "12", "x"},
};
enum { NAMES = sizeof names / sizeof *names };

static bool is_of_replication(const char *line) {
    return strstr(line, "slave") || strstr(line, "replica");
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

/* In which order a rewrite adds what the file had not is nobody's business. */
static void note_file(struct srv *s) {
    static char line[100][256];
    char path[200];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/redis.conf", s->dir);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    while (n < 100 && fgets(line[n], sizeof line[n], f))
        if (is_of_replication(line[n])) n++;
    fclose(f);
    qsort(line, n, sizeof *line, by_text);
    for (size_t i = 0; i < n; i++) note("%s", line[i]);
}

static void note_both(struct srv *s, int i) {
    ASK(s, "CONFIG GET %s", names[i].old);
    ASK(s, "CONFIG GET %s", names[i].new);
}

static void by_old_names(enum srv_kind kind) {
    char lines[1000] = "slaveof 127.0.0.1 1\n"
                       "client-output-buffer-limit slave 100mb 10mb 20\n";
    for (int i = 0; i < NAMES; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s %s\n", names[i].old,
                 names[i].in_file);
    struct srv *s = srv_start_file(kind, false, "%s", lines);
    ASK(s, "CONFIG GET slaveof");
    ASK(s, "CONFIG GET replicaof");
    ASK(s, "CONFIG SET slaveof x");
    for (int i = 0; i < NAMES; i++) note_both(s, i);
    ASK(s, "CONFIG REWRITE");
    note_file(s);
    for (int i = 0; i < NAMES; i++) {
        ASK(s, "CONFIG SET %s %s", names[i].old, names[i].set);
        note_both(s, i);
        if (names[i].refused) ASK(s, "CONFIG SET %s %s", names[i].old, names[i].refused);
        ASK(s, "CONFIG SET %s %s %s %s", names[i].old, names[i].set, names[i].new, names[i].in_file);
    }
    ASK(s, "CONFIG REWRITE");
    note_file(s);
    ASK(s, "SLAVEOF NO ONE");
    ASK(s, "CONFIG REWRITE");
    note_file(s);
    srv_restart(s);
    note_field(s, "role");
    for (int i = 0; i < NAMES; i++) note_both(s, i);
    srv_free(s);
}

Test(peer_old_names, in_files_and_by_request) {
    transcript_play(by_old_names);
}

/* New names in the file stay as they are, and whatever differs from the default comes in under its new name. */
static void by_new_names(enum srv_kind kind) {
    struct srv *s = srv_start_file(kind, false, "replica-priority 5\nreplica-read-only no\n");
    for (int i = 0; i < NAMES; i++) ASK(s, "CONFIG SET %s %s", names[i].old, names[i].in_file);
    ASK(s, "SLAVEOF 127.0.0.1 1");
    ASK(s, "CONFIG REWRITE");
    note_file(s);
    srv_free(s);
}

Test(peer_old_names, in_rewritten_files) {
    transcript_play(by_new_names);
}
