/* crash-memcheck-enabled: a quick look at the memory of a process that has crashed, because broken memory makes crashes that no
 * reading of code explains. */
#ifndef TANDEM_EVENT_MEMORY_CHECK_H
#define TANDEM_EVENT_MEMORY_CHECK_H

/* Writes what it found to fd. For the crash handler: async-signal-safe, and it leaves every byte as it was. */
void memory_check(int fd);

#endif
