/* crash-memcheck-enabled: a quick look at the memory of a process that has crashed, because broken memory makes crashes that no
 * reading of code explains. */
#ifndef TANDEM_EVENT_MEMORY_CHECK_H
#define TANDEM_EVENT_MEMORY_CHECK_H

/* Not in a sanitizer's build: its shadow memory is private too, and endless. */
#ifdef TANDEM_MEM_MALLOC
#define MEMORY_CAN_BE_CHECKED 0
#else
#define MEMORY_CAN_BE_CHECKED 1
#endif

/* Writes what it found to fd. For the crash handler: async-signal-safe, and it leaves every byte as it was. */
void memory_check(int fd);

#endif
