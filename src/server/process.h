/* Inside server/: the process's parts that other files of this room need. */
#ifndef TANDEM_SERVER_PROCESS_H
#define TANDEM_SERVER_PROCESS_H

#include <stdbool.h>

#define PID_FILE_STANDARD "/var/run/redis.pid" /* when a daemon was given no pidfile */

void process_execute_again(void);   /* the program with its arguments of the start; never returns */
void process_remove_pid_file(void); /* the one that we wrote */

/* supervise.c */
bool supervise_detect(void);  /* by setting and environment; true: don't go to the background */
void supervise_started(void); /* the log is open: say which one */

#endif
