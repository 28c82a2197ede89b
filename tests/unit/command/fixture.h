/* A server without sockets: requests of fake clients go through dispatch, replies and log are read as text. */
#ifndef TESTS_UNIT_COMMAND_FIXTURE_H
#define TESTS_UNIT_COMMAND_FIXTURE_H

#include "command/command.h"

void command_setup(void); /* a master with an active log and 16 databases; a suite's .init */
void command_teardown(void);

struct client *new_client(void);

/* Executes one request (words as in an inline command) and returns its reply as it goes on the wire. Valid until the next. */
const char *ask(struct client *c, const char *line);
/* The same as a request that came inline. */
const char *ask_inline(struct client *c, const char *line);
void expect(struct client *c, const char *line, const char *reply); /* asserts ask's reply */

/* What entered the log since the last call: commands separated by "; ", words by blanks. SELECTs included. */
const char *logged(void);

/* Lets wall time pass, past the cached clock. */
void pass_ms(int ms);

#endif
