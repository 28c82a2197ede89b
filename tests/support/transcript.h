/* Scenes that are played once with ours and once with the real server on every place. What each notes must be the same text,
 * so ports, ids, times and whatever else chance decides stay out of the notes. */
#ifndef TANDEM_TESTS_TRANSCRIPT_H
#define TANDEM_TESTS_TRANSCRIPT_H

#include "support/server.h"

void transcript_play(void (*scene)(enum srv_kind kind));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note_field(struct srv *s, const char *field); /* of INFO, with its value */
/* The lines of its log from the last one on in which `from` stands, without their times, names of histories as ID, and other
 * numbers as #. Lines in which one of `but` (ends with NULL) stands are left out. */
void note_log(struct srv *s, const char *from, const char *const *but);
/* The same from the first line with `from` to the first one behind it with `to`. */
void note_log_part(struct srv *s, const char *from, const char *to, const char *const *but);
void note_logged(struct srv *s, const char *text); /* how often */
bool replies(struct srv *s, const char *command, const char *reply);

/* The command and its reply. */
#define ASK(s, ...)                                                                                          \
    do {                                                                                                     \
        note(__VA_ARGS__);                                                                                   \
        note(" -> %s\n", srv_cmd((s), __VA_ARGS__));                                                         \
    } while (0)

#endif
