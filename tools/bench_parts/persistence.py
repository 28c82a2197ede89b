"""Append-only files and snapshots: what a write costs, how long rewriting and loading take, and what others notice of it."""
import glob, multiprocessing, random, subprocess, sys, time

from bench_parts.harness import (GET, VALUES, ask_us, benchmark, compare, each, opt, pipe, request,
                                 sets, stop)

WRITES_PER_S = 50_000
ALWAYS_CLIENTS = 50


def cpu_of_all_s(server):
    """CPU of the server with its threads and helper processes: whoever waits for the disk belongs to the cost of a write."""
    pids, total = [server.proc.pid], 0
    for path in glob.glob(f"/proc/{server.proc.pid}/task/*/children"):
        with open(path) as f:
            pids += f.read().split()
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path) as f:
                total += int(f.read().split()[0])
    return total / 1e9


def until_idle(server):
    while server.info("rdb_bgsave_in_progress") != "0" or server.info("aof_rewrite_in_progress") != "0" or \
            server.info("aof_rewrite_scheduled") != "0":
        time.sleep(0.002)


def rewrite_s(server, command="BGREWRITEAOF"):
    until_idle(server)
    t0 = time.monotonic()
    server.cmd(command)
    until_idle(server)
    took = time.monotonic() - t0
    status = server.info("aof_last_bgrewrite_status" if command == "BGREWRITEAOF" else "rdb_last_bgsave_status")
    if status != "ok":
        sys.exit(f"bench: {command} fails, see {server.dir}/log")
    return took


def bench_aof():
    """What a write costs with appendonly yes. Rewrites are off: they have rows of their own."""
    servers = each("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")

    def everysec(kind):
        s, n = servers[kind], 1_000_000
        s.cmd("CONFIG", "SET", "appendfsync", "everysec")
        before = cpu_of_all_s(s)
        subprocess.run(benchmark(s, "set", n, 16), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        used = (cpu_of_all_s(s) - before) / n * 1e6
        rewrite_s(s)  # the file doesn't grow from round to round
        return used

    def always(kind):
        s, n = servers[kind], 20_000
        s.cmd("CONFIG", "SET", "appendfsync", "always")
        t0 = time.monotonic()
        subprocess.run(benchmark(s, "set", n, 1, ALWAYS_CLIENTS), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return n / (time.monotonic() - t0) / 1000
    compare([("CPU per SET, 50 clients, pipeline 16, appendfsync everysec", "us", "0.60x")], everysec)
    compare([(f"SET, {ALWAYS_CLIENTS} clients, appendfsync always", "k/s", "1.2x")], always)
    stop(servers)


def timed(server, *words):
    t0 = time.monotonic()
    reply = server.cmd(*words)
    if not reply.startswith(b"+OK"):
        sys.exit(f"bench: {words}: {reply.decode()}")
    return time.monotonic() - t0


def bench_rewrite():
    """A base of all keys, written and loaded; and the same keys as commands, loaded."""
    for name, value in VALUES.items():
        servers = each("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--appendfsync", "no")
        for s in servers.values():
            pipe(s, sets(opt.keys, value))
        what = f"{opt.keys} keys, 100-byte values ({name})"
        compare([(f"load of AOF, {what}, as commands", "s", "0.6x")], lambda k: timed(servers[k], "DEBUG", "LOADAOF"), 3, 5)
        compare([(f"BGREWRITEAOF, {what}", "s", "0.6x"), (f"load of AOF, {what}", "s", "0.6x")],
                lambda k: (rewrite_s(servers[k]), timed(servers[k], "DEBUG", "LOADAOF")), 3, 5)
        stop(servers)


def write_steadily(port, rate, keys):
    """Until it is killed: rate SETs a second, in batches of a hundredth of a second."""
    import socket
    with socket.create_connection(("127.0.0.1", port)) as s:
        due, batch = time.monotonic(), rate // 100
        while True:
            s.sendall(b"".join(request(b"SET", b"key:%012d" % random.randrange(keys), b"v" * 100) for _ in range(batch)))
            want = batch
            while want > 0:
                want -= s.recv(1 << 20).count(b"\n")
            due = max(due + 0.01, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))


class Writes:
    """with Writes(server): WRITES_PER_S go to it."""

    def __init__(self, server):
        self.process = multiprocessing.Process(target=write_steadily, args=(server.port, WRITES_PER_S, opt.keys), daemon=True)

    def __enter__(self):
        self.process.start()
        time.sleep(0.3)

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()


def latencies(server, command, least):
    """Microseconds of GETs while `command` runs in the background, again and again until there are so many."""
    took = []
    with server.connect() as s:
        while len(took) < least:
            until_idle(server)
            server.cmd(command)
            field = "rdb_bgsave_in_progress" if command == "BGSAVE" else "aof_rewrite_in_progress"
            while server.info(field) == "1":
                took += [ask_us(s, GET, 2) for _ in range(300)]
    return took


def bench_background():
    """What clients notice of a child that writes the data, under steady writes."""
    servers = each("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
    for s in servers.values():
        pipe(s, sets(opt.keys, VALUES["random"]))
        rewrite_s(s)

    def costs(kind, command, cow):
        s = servers[kind]
        with Writes(s):
            rewrite_s(s, command)
        return int(s.info("latest_fork_usec")) / 1000, int(s.info(cow)) / 1e6

    def tail(kind, command):
        with Writes(servers[kind]):
            return percentile_of(latencies(servers[kind], command, 10_000))

    def percentile_of(took):
        return sorted(took)[len(took) * 999 // 1000] / 1000
    for command, cow in (("BGSAVE", "rdb_last_cow_size"), ("BGREWRITEAOF", "aof_last_cow_size")):
        compare([(f"fork for {command}, {opt.keys} keys", "ms", ""), (f"copied pages, {command} under {WRITES_PER_S} writes/s", "MB", "")],
                lambda k: costs(k, command, cow), 3, 5)
        compare([(f"GET p99.9 during {command} under {WRITES_PER_S} writes/s", "ms", "0.7x")], lambda k: tail(k, command), 3, 7)
    stop(servers)
