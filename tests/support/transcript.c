/* See transcript.h. */
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char transcripts[2][1 << 16];
static size_t used[2];
static int side; /* 0: ours, 1: the real one */

void note(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    used[side] += (size_t)vsnprintf(transcripts[side] + used[side], sizeof transcripts[side] - used[side],
                                    fmt, ap);
    va_end(ap);
    cr_assert_lt(used[side], sizeof transcripts[side]);
}

void note_field(struct srv *s, const char *field) {
    note("%s: %s\n", field, srv_info(s, field));
}

static bool any_in(const char *line, const char *const *words) {
    for (; *words; words++)
        if (strstr(line, *words)) return true;
    return false;
}

/* "PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL text" from the level on. */
static void note_line(const char *line) {
    enum { ID_CHARS = 40 };
    for (int blanks = 0; *line && blanks < 5; line++) blanks += *line == ' ';
    while (*line) {
        size_t hex = strspn(line, "0123456789abcdef"), digits = strspn(line, "0123456789");
        if (hex == ID_CHARS)
            note("ID");
        else if (digits)
            note("#");
        else
            note("%c", *line);
        line += hex == ID_CHARS ? hex : digits ? digits : 1;
    }
}

void note_log_part(struct srv *s, const char *from, const char *to, const char *const *but) {
    char line[2048];
    bool inside = false, ended = false;
    FILE *f = fopen(s->log, "r");
    cr_assert_not_null(f, "%s", s->log);
    while (!ended && fgets(line, sizeof line, f)) {
        inside = inside || strstr(line, from);
        ended = inside && to && strstr(line, to);
        if (inside && !any_in(line, but)) note_line(line);
    }
    fclose(f);
    cr_assert(inside && (ended || !to), "%s: no %s", s->log, inside ? to : from);
}

void note_log(struct srv *s, const char *from, const char *const *but) {
    char line[2048];
    long start = -1;
    FILE *f = fopen(s->log, "r");
    cr_assert_not_null(f, "%s", s->log);
    for (long at = 0; fgets(line, sizeof line, f); at = ftell(f))
        if (strstr(line, from)) start = at;
    cr_assert_geq(start, 0, "%s: no %s", s->log, from);
    fseek(f, start, SEEK_SET);
    while (fgets(line, sizeof line, f))
        if (!any_in(line, but)) note_line(line);
    fclose(f);
}

void note_logged(struct srv *s, const char *text) {
    note("%d x %s\n", srv_log_count(s, text), text);
}

void transcript_play(void (*scene)(enum srv_kind kind)) {
    for (side = 0; side < 2; side++) scene(side == 0 ? TANDEM : REDIS);
    cr_assert_str_eq(transcripts[0], transcripts[1], "ours:\n%s\nreally:\n%s", transcripts[0],
                     transcripts[1]);
    cr_assert_gt(used[0], 0);
}

bool replies(struct srv *s, const char *command, const char *reply) {
    return strcmp(srv_cmd(s, command), reply) == 0;
}
