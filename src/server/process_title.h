/* The process title as ps shows it, from proc-title-template. */
#ifndef TANDEM_SERVER_PROCESS_TITLE_H
#define TANDEM_SERVER_PROCESS_TITLE_H

#include "base/slice.h"

void process_title_init(int argc, char **argv); /* first of all: the title lives where argv and environ lie */
bool process_title_valid(slice pattern);        /* every {word} is one that the template knows */
void process_title_update(const char *name);    /* name NULL: the program's own; a child gives its own name */

#endif
