"""What replicas cost, and how fast they follow."""
import os, signal, statistics, time

from bench_parts.harness import (PROGRAMS, SET_AND_WAIT, Server, ask_us, compare, cpu_us, each, opt, percentile, pipe,
                                 request, run_on, sets, stop)


def bench_replica_cost():
    """Two primaries of each kind, one with replicas: the loads follow one another, so that both meet the same machine."""
    for replicas, n, goal, rounds, most in ((1, 1_000_000, "1.08x", 7, max(11, opt.rounds_max)), (8, 200_000, "", 3, 5)):
        alone, followed = each(), each()
        for s in (*alone.values(), *followed.values()):
            pipe(s, sets(opt.keys, lambda i: b"xxx"))
        groups = [{k: followed[k].replica() for k in PROGRAMS} for _ in range(replicas)]

        def measure(kind):
            base = cpu_us(alone[kind], "set", n, 16)
            return cpu_us(followed[kind], "set", n, 16) / base
        compare([(f"primary's CPU per pipelined SET, {replicas} replica{'s' if replicas > 1 else ''} over none", "x", goal)],
                measure, rounds, most)
        stop(*groups, alone, followed)


def bench_link():
    primaries = each("--repl-backlog-size", "16mb")
    replicas = {k: primaries[k].replica() for k in PROGRAMS}

    def wait(kind, replica_core):
        """Left to the scheduler, the three processes meet on one core in one round and not in the next, which makes a
        factor of three for either server. So they are told where to run; two cores are two hosts without a network."""
        run_on(0, primaries[kind].proc.pid, os.getpid())
        run_on(replica_core, replicas[kind].proc.pid)
        with primaries[kind].connect() as s:
            took = [ask_us(s, SET_AND_WAIT, 2) for _ in range(3000)]
        run_on(None, primaries[kind].proc.pid, replicas[kind].proc.pid, os.getpid())
        return percentile(took, 50), percentile(took, 99)

    def cut(kind):
        """The connection is killed; the write that follows comes with the partial resync, and is acknowledged."""
        with primaries[kind].connect() as s:
            took = [ask_us(s, request("CLIENT", "KILL", "TYPE", "replica") + SET_AND_WAIT, 3) for _ in range(20)]
        return statistics.median(took) / 1000

    def catch_up(kind):
        p, r = primaries[kind], replicas[kind]
        r.proc.send_signal(signal.SIGSTOP)
        pipe(p, sets(100_000, lambda i: b"x" * 1000, distinct=1000))
        end = p.info("master_repl_offset")
        t0 = time.monotonic()
        r.proc.send_signal(signal.SIGCONT)
        while int(r.info("slave_repl_offset")) < int(end):
            time.sleep(0.005)
        return time.monotonic() - t0
    for where, core in (("one core", 0), ("replica on a second core", 1)):
        compare([(f"SET and WAIT 1, {where}, {p}", "us", "0.8x") for p in ("p50", "p99")], lambda k: wait(k, core))
    compare([("partial resync after a cut, until acknowledged", "ms", "1.0x")], cut)
    compare([("catch-up of a replica 100 MB behind", "s", "")], catch_up, 3, 5)
    stop(replicas, primaries)

    def lagging(kind, n):
        """Memory that 50 MB of writes cost with n replicas that take their snapshot and then read nothing."""
        p = Server(kind, "--repl-diskless-sync", "no")
        before, conns = int(p.info("used_memory")), []
        for _ in range(n):
            c = p.connect()
            c.sendall(request("PSYNC", "?", "-1"))
            conns.append(c)
        while p.info("connected_slaves") != str(n) or p.info("rdb_bgsave_in_progress") == "1":
            time.sleep(0.01)
        pipe(p, sets(50_000, lambda i: b"x" * 1000, distinct=1))
        used = int(p.info("used_memory")) - before
        for c in conns:
            c.close()
        p.stop()
        return used / 1e6
    compare([(f"memory for 50 MB not yet taken by {n} replica{'s' if n > 1 else ''}", "MB", "") for n in (1, 8)],
            lambda k: (lagging(k, 1), lagging(k, 8)), 1)
