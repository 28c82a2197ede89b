/* A small bounded fuzz driver: mutates a target's seeds, or runs the files named as arguments.
 *
 * Each input is a function of the printed seed and its number alone. Without FUZZ_SEED the seed is always the same and at
 * most INPUTS_MAX inputs are run (for 5 s at most), so that a passing run passes again; FUZZ_SECONDS lifts the number,
 * FUZZ_SEED=random (`make soak`) looks for what no run has met. On a crash, or when
 * one input takes longer than 30 s, the input is written to a file, whose name is printed, for running it again.
 * There is no coverage feedback: for that, link the target with -fsanitize=fuzzer instead of this file. */
#include "fuzz.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define INPUTS_MAX        200000
#define INPUT_BYTES_MAX   65536
#define SEEDS_MAX         256
#define MUTATIONS_MAX     8
#define INPUT_SECONDS_MAX 30

static struct {
    uint8_t *bytes;
    size_t n;
} seeds[SEEDS_MAX];
static int seed_count;

static uint8_t input[INPUT_BYTES_MAX];
static size_t input_n;
static char dump_path[256];

static uint64_t random_state;

static uint64_t next_random(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t n) {
    return n ? (size_t)(next_random() % n) : 0;
}

/* Without seeds of its own a target gets random bytes only. */
__attribute__((weak)) size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    (void)i, (void)buf, (void)cap;
    return 0;
}

static void load_seeds(void) {
    static uint8_t buf[INPUT_BYTES_MAX];
    size_t n;
    while (seed_count < SEEDS_MAX && (n = fuzz_seed(seed_count, buf, sizeof(buf))) > 0) {
        seeds[seed_count].bytes = malloc(n);
        memcpy(seeds[seed_count].bytes, buf, n);
        seeds[seed_count++].n = n;
    }
}

static void on_crash(int sig) {
    int fd = open(dump_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0 && write(fd, input, input_n) == (ssize_t)input_n) {
        static const char say[] = "the input that did it is in ";
        ssize_t ignored = write(2, say, sizeof(say) - 1);
        ignored += write(2, dump_path, strlen(dump_path)) + write(2, "\n", 1);
        (void)ignored;
    }
    signal(sig, SIG_DFL);
    if (sig == SIGALRM) abort();
    raise(sig);
}

static void catch_crashes(const char *program) {
    const char *name = strrchr(program, '/');
    const char *dir = getenv("FUZZ_DIR");
    snprintf(dump_path, sizeof(dump_path), "%s/%s-%d.bin", dir ? dir : "/tmp", name ? name + 1 : program,
             (int)getpid());
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGSEGV};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
#ifdef __SANITIZE_ADDRESS__
        if (signals[i] == SIGSEGV) continue; /* the sanitizer reports it, then aborts */
#endif
        signal(signals[i], on_crash);
    }
}

static void remove_at(size_t at, size_t n) {
    memmove(input + at, input + at + n, input_n - at - n);
    input_n -= n;
}

static void insert_at(size_t at, const uint8_t *p, size_t n) {
    if (n > INPUT_BYTES_MAX - input_n) n = INPUT_BYTES_MAX - input_n;
    memmove(input + at + n, input + at, input_n - at);
    memcpy(input + at, p, n);
    input_n += n;
}

/* Numbers near the edges of what fits, in text for RESP and in binary, both byte orders, for RDB. */
static void put_interesting(size_t at) {
    static const int64_t values[] = {0,          1,         -1,       2,         9,
                                     10,         63,        64,       127,       128,
                                     255,        256,       16383,    16384,     32767,
                                     65535,      65536,     1048576,  INT32_MAX, (int64_t)INT32_MAX + 1,
                                     UINT32_MAX, INT64_MAX, INT64_MIN};
    int64_t v = values[below(sizeof(values) / sizeof(values[0]))];
    uint8_t bytes[24];
    if (below(2)) {
        size_t digits = 0; /* in place of the digits that stand there, if any */
        while (at + digits < input_n && input[at + digits] >= '0' && input[at + digits] <= '9') digits++;
        remove_at(at, digits);
        int n = snprintf((char *)bytes, sizeof(bytes), "%lld", (long long)v);
        insert_at(at, bytes, (size_t)n);
        return;
    }
    size_t width = (size_t)1 << below(4);
    for (size_t i = 0, big = below(2); i < width; i++)
        bytes[big ? width - 1 - i : i] = (uint8_t)((uint64_t)v >> (8 * i));
    if (width > input_n - at) width = input_n - at;
    memcpy(input + at, bytes, width);
}

static void splice_seed(size_t at) {
    if (seed_count == 0) return;
    int other = (int)below((size_t)seed_count);
    size_t from = below(seeds[other].n), n = 1 + below(seeds[other].n - from);
    insert_at(at, seeds[other].bytes + from, n);
}

/* A byte that means something where the formats look for structure. */
static uint8_t structural_byte(void) {
    static const char bytes[] = "\r\n$*:+-%~_,#=|>\"'\\ \0\xff\xfe\xfd\xfc\xfb\xfa\x80\x40\xc0\xc3";
    return (uint8_t)bytes[below(sizeof(bytes) - 1)];
}

static void mutate(void) {
    size_t at = below(input_n + 1);
    if (input_n == 0 || at == input_n) {
        uint8_t byte = (uint8_t)next_random();
        insert_at(at, &byte, 1);
        return;
    }
    switch (below(9)) {
    case 0: input[at] ^= (uint8_t)(1u << below(8)); break;
    case 1: input[at] = (uint8_t)next_random(); break;
    case 2: input[at] = structural_byte(); break;
    case 3: input[at] = (uint8_t)(input[at] + (below(2) ? 1 : -1)); break;
    case 4: remove_at(at, 1 + below(input_n - at < 16 ? input_n - at : 16)); break;
    case 5: input_n = at; break;
    case 6: put_interesting(at); break;
    case 7: splice_seed(at); break;
    case 8: {
        uint8_t copy[64];
        size_t n = 1 + below(input_n - at < sizeof(copy) ? input_n - at : sizeof(copy));
        memcpy(copy, input + at, n);
        insert_at(below(input_n + 1), copy, n);
        break;
    }
    }
}

static void make_input(uint64_t seed, uint64_t number) {
    random_state = seed + number * 0xd1342543de82ef95u;
    input_n = 0;
    if (seed_count > 0) {
        int i = (int)below((size_t)seed_count);
        memcpy(input, seeds[i].bytes, seeds[i].n);
        input_n = seeds[i].n;
    }
    if (number < (uint64_t)seed_count) return; /* a few inputs are the seeds as they are */
    for (size_t n = 1 + below(MUTATIONS_MAX); n > 0; n--) mutate();
}

static void run(const uint8_t *data, size_t n) {
    /* A block of the exact size lets the sanitizer see a read behind its end. */
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    alarm(INPUT_SECONDS_MAX);
    LLVMFuzzerTestOneInput(copy, n);
    alarm(0);
    free(copy);
}

static int run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    input_n = fread(input, 1, sizeof(input), f);
    fclose(f);
    run(input, input_n);
    printf("%s: ok\n", path);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        int failed = 0;
        for (int i = 1; i < argc; i++) failed |= run_file(argv[i]);
        return failed;
    }
    const char *seconds = getenv("FUZZ_SECONDS"), *fixed = getenv("FUZZ_SEED");
    uint64_t seed = 20261120, done = 0;
    bool random = fixed && strcmp(fixed, "random") == 0;
    if (random && getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) return 1;
    if (fixed && !random) seed = strtoull(fixed, NULL, 0);
    load_seeds();
    printf("FUZZ_SEED=%llu, %d seeds\n", (unsigned long long)seed, seed_count);
    fflush(stdout);
    catch_crashes(argv[0]);
    time_t end = time(NULL) + (seconds ? atoi(seconds) : 5);
    for (; time(NULL) < end && (seconds || done < INPUTS_MAX); done++) {
        make_input(seed, done);
        run(input, input_n);
    }
    printf("%llu inputs\n", (unsigned long long)done);
    return 0;
}
