"""SAVE, load and full syncs."""
import time

from bench_parts.harness import VALUES, Server, compare, each, opt, pipe, sets, stop


def bench_transfer():
    def sync(primary, how):
        primary.cmd("CONFIG", "SET", "repl-diskless-sync", how)
        r = Server(primary.kind)
        t0 = time.monotonic()
        r.cmd("REPLICAOF", "127.0.0.1", primary.port)
        while r.info("master_link_status") != "up":
            time.sleep(0.005)
        took = time.monotonic() - t0
        r.stop()
        return took

    def timed(s, *words):
        t0 = time.monotonic()
        s.cmd(*words)
        return time.monotonic() - t0

    for name, value in VALUES.items():
        servers = each()
        for s in servers.values():
            pipe(s, sets(opt.keys, value))
        what = f"{opt.keys} keys, 100-byte values ({name})"
        compare([(f"SAVE of {what}", "s", "0.6x"), (f"load of {what}", "s", "0.6x"), (f"full sync on disk, {what}", "s", "0.6x"),
                 (f"full sync diskless, {what}", "s", "0.6x")],
                lambda k: (timed(servers[k], "SAVE"), timed(servers[k], "DEBUG", "RELOAD", "NOSAVE"),
                           sync(servers[k], "no"), sync(servers[k], "yes")), 3, 5)
        stop(servers)
