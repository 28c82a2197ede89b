"""A full sync or a snapshot beside other work."""
import subprocess, time

from bench_parts.harness import GET, VALUES, Server, ask_us, benchmark, compare, each, opt, percentile, pipe, sets, stop


def bench_load():
    """A full sync beside other work."""
    primaries = each()
    for s in primaries.values():
        pipe(s, sets(opt.keys, VALUES["random"]))

    def during_sync(kind, work):
        """Calls work(primary) until a new replica is synchronised; seconds until then."""
        p = primaries[kind]
        r = Server(kind)
        t0 = time.monotonic()
        r.cmd("REPLICAOF", "127.0.0.1", p.port)
        while r.info("master_link_status") != "up":
            work(p)
        took = time.monotonic() - t0
        r.stop()
        return took

    def gets(kind):
        quiet, busy = [], []
        with primaries[kind].connect() as s:
            quiet = [ask_us(s, GET, 2) for _ in range(3000)]
            during_sync(kind, lambda p: busy.extend(ask_us(s, GET, 2) for _ in range(200)))
        return percentile(busy, 99), percentile(busy, 99) / percentile(quiet, 99)

    def writes(kind):
        p = primaries[kind]
        before = int(p.info("total_commands_processed"))
        load = subprocess.Popen(benchmark(p, "set", 10**9, 16), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = during_sync(kind, lambda p: time.sleep(0.01))
        load.kill()
        load.wait()
        return took, (int(p.info("total_commands_processed")) - before) / took / 1000
    compare([("GET p99 on the primary during a full sync", "us", ""), ("the same, over GET p99 without", "x", "2x")], gets, 3, 5)
    compare([("full sync under write load", "s", "0.5x"), ("writes meanwhile", "k/s", "1.2x")], writes, 3, 5)

    def fork(kind):
        p = primaries[kind]
        load = subprocess.Popen(benchmark(p, "set", 10**9, 16), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2)
        p.cmd("BGSAVE")
        while p.info("rdb_bgsave_in_progress") == "1":
            time.sleep(0.01)
        load.kill()
        load.wait()
        return int(p.info("latest_fork_usec")) / 1000, int(p.info("rdb_last_cow_size")) / 1e6
    compare([("fork for BGSAVE", "ms", ""), ("copied pages of a BGSAVE under writes", "MB", "")], fork, 3, 5)
    stop(primaries)
