/* The crash report: what a dying process can still say about why.
 *
 * Only async-signal-safe calls from the handler on: write(2), and backtrace, which is called once beforehand so
 * that the library behind it is loaded by then. Runs on a stack of its own, because the usual one may be what
 * broke. Ends in the signal's default action, so that a core file and the exit status are as without it. */
#include "base/log.h"
#include "event/raw_write.h"
#include "event/signals.h"

#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { FRAMES_MAX = 100, STACK_BYTES = 64 * 1024 };

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static const char *program = "Tandem";
static void (*extra_report)(int fd);
static char crash_stack[STACK_BYTES] __attribute__((aligned(16)));

static void put_number(int fd, uint64_t v, unsigned base) {
    char buf[24], *p = buf + sizeof buf;
    *--p = '\0';
    do {
        *--p = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    raw_write(fd, p);
}

static void put_register(int fd, const char *name, uint64_t v) {
    raw_write(fd, name);
    raw_write(fd, ":");
    put_number(fd, v, 16);
    raw_write(fd, "\n");
}

static void put_registers(int fd, const ucontext_t *u) {
    raw_write(fd, "\n------ REGISTERS ------\n");
#if defined(__x86_64__)
    static const struct {
        const char *name;
        int index;
    } regs[] = {{"RAX", REG_RAX}, {"RBX", REG_RBX}, {"RCX", REG_RCX}, {"RDX", REG_RDX}, {"RDI", REG_RDI},
                {"RSI", REG_RSI}, {"RBP", REG_RBP}, {"RSP", REG_RSP}, {"R8", REG_R8},   {"R9", REG_R9},
                {"R10", REG_R10}, {"R11", REG_R11}, {"R12", REG_R12}, {"R13", REG_R13}, {"R14", REG_R14},
                {"R15", REG_R15}, {"RIP", REG_RIP}, {"EFL", REG_EFL}, {"CR2", REG_CR2}};
    for (size_t i = 0; i < sizeof regs / sizeof *regs; i++)
        put_register(fd, regs[i].name, (uint64_t)u->uc_mcontext.gregs[regs[i].index]);
#elif defined(__aarch64__)
    put_register(fd, "PC", u->uc_mcontext.pc);
    put_register(fd, "SP", u->uc_mcontext.sp);
    put_register(fd, "LR", u->uc_mcontext.regs[30]);
#else
    (void)u;
#endif
}

static void on_crash(int signo, siginfo_t *info, void *context) {
    int fd = log_fd_open();
    raw_write(fd, "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n");
    raw_write(fd, program);
    raw_write(fd, " crashed by signal: ");
    put_number(fd, (uint64_t)signo, 10);
    raw_write(fd, ", si_code: ");
    if (info->si_code < 0) raw_write(fd, "-");
    put_number(fd, (uint64_t)(info->si_code < 0 ? -info->si_code : info->si_code), 10);
    if (signo == SIGSEGV || signo == SIGBUS) {
        raw_write(fd, "\nAccessing address: 0x");
        put_number(fd, (uintptr_t)info->si_addr, 16);
    }
    if (info->si_code == SI_USER) {
        raw_write(fd, "\nKilled by PID: ");
        put_number(fd, (uint64_t)info->si_pid, 10);
    }
    raw_write(fd, "\n\n------ STACK TRACE ------\n");
    void *frames[FRAMES_MAX];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
    put_registers(fd, context);
    if (extra_report) extra_report(fd);
    raw_write(fd, "\n=== REDIS BUG REPORT END ===\n");
    if (fd > 2) close(fd);
    raise(signo); /* the default action (SA_RESETHAND), as soon as this handler returns */
}

void signals_set_program(const char *name) {
    program = name;
}

void signals_install_crash_handler(void (*report)(int fd)) {
    extra_report = report;
    void *warm_up[1];
    backtrace(warm_up, 1);
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    sigaltstack(&stack, NULL);
    struct sigaction crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&crash.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
        sigaction(crash_signals[i], &crash, NULL);
}

void signals_remove_crash_handler(void) {
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
        sigaction(crash_signals[i], &dfl, NULL);
}
