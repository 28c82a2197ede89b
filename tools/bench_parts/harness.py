"""What the parts of tools/bench share: servers, load, rounds, and the table of rows."""
import argparse, os, random, re, resource, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

opt = argparse.Namespace()  # filled by tools/bench
PROGRAMS = {}
TMP = tempfile.mkdtemp(prefix="tandem-bench-")
SPREAD_MAX = 0.06
RUNNING = []
ROWS = []


def start():
    PROGRAMS.update(tandem=os.path.join(opt.build, "tandem-server"), redis="redis-server")


def end():
    for s in list(RUNNING):
        s.proc.send_signal(signal.SIGCONT)
        s.stop()
    shutil.rmtree(TMP, ignore_errors=True)


# --- servers ---


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def request(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Server:
    def __init__(self, kind, *args):
        self.kind, self.port = kind, free_port()
        self.dir = tempfile.mkdtemp(dir=TMP)
        self.proc = subprocess.Popen(
            [PROGRAMS[kind], "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, "--save", "",
             "--logfile", os.path.join(self.dir, "log"), "--repl-diskless-sync-delay", "0",
             "--client-output-buffer-limit", "replica", "0", "0", "0", "--enable-debug-command", "yes", *args],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        RUNNING.append(self)
        deadline = time.monotonic() + 120
        while True:
            try:
                if b"PONG" in self.cmd("PING"):
                    break
            except OSError:
                pass
            if self.proc.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {PROGRAMS[kind]} does not start, see {self.dir}/log")
            time.sleep(0.002)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def cmd(self, *words):
        with self.connect() as s:
            s.sendall(request(*words))
            data = s.recv(65536)
            m = re.match(rb"\$(\d+)\r\n", data)
            while m and len(data) < int(m[1]) + len(m[0]) + 2:
                data += s.recv(65536)
            return data

    def info(self, field):
        m = re.search(rb"^%s:(.*?)\r" % field.encode(), self.cmd("INFO", "everything"), re.M)
        return m[1].decode() if m else ""

    def cpu_s(self):
        with open(f"/proc/{self.proc.pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e9

    def rss(self):
        with open(f"/proc/{self.proc.pid}/statm") as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    def replica(self, *args):
        """A replica of it, synchronised."""
        r = Server(self.kind, "--replicaof", "127.0.0.1", str(self.port), *args)
        while r.info("master_link_status") != "up":
            time.sleep(0.005)
        return r

    def stop(self):
        RUNNING.remove(self)
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()


def stop(*groups):
    for g in groups:
        for s in g.values():
            s.stop()


def each(*args):
    return {kind: Server(kind, *args) for kind in PROGRAMS}


# --- load ---


def pipe(server, requests):
    """Sends RESP requests as fast as the server takes them; every request is answered with one line."""
    with server.connect() as s:
        want = 0
        for chunk, n in requests:
            s.sendall(chunk)
            want += n
            while want > 20000:
                want -= s.recv(1 << 20).count(b"\n")
        while want > 0:
            want -= s.recv(1 << 20).count(b"\n")


def sets(n, value, ttl=False, distinct=1 << 40):
    for start in range(0, n, 1000):
        keys = range(start, min(start + 1000, n))
        tail = [b"EX", b"100000"] if ttl else []
        yield b"".join(request(b"SET", b"key:%012d" % (i % distinct), value(i), *tail) for i in keys), len(keys)


VALUES = {"zeros": lambda i: b"v:%098d" % i, "random": lambda i: random.randbytes(100)}


def benchmark(server, test, n, pipeline, clients=50):
    return ["redis-benchmark", "-p", str(server.port), "-t", test, "-n", str(n), "-P", str(pipeline), "-c", str(clients),
            "-r", str(opt.keys), "-q"]


def cpu_us(server, test, n, pipeline):
    """The server's CPU per request."""
    before = server.cpu_s()
    subprocess.run(benchmark(server, test, n, pipeline), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (server.cpu_s() - before) / n * 1e6


def ask_us(s, req, lines):
    """One round trip: sends, and reads until as many lines have come."""
    t0 = time.perf_counter()
    s.sendall(req)
    while lines > 0:
        lines -= s.recv(4096).count(b"\n")
    return (time.perf_counter() - t0) * 1e6


def percentile(values, p):
    return sorted(values)[len(values) * p // 100]


GET = request("GET", "key:000000000007")
SET_AND_WAIT = request("SET", "a", "b") + request("WAIT", "1", "0")


# --- where processes run ---

CORES = sorted(os.sched_getaffinity(0))


def run_on(core, *pids):
    """All threads of the processes on the core of that number; None: wherever the scheduler likes."""
    cores = CORES if core is None else [CORES[core % len(CORES)]]
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), cores)


# --- rounds ---


def spread(values):
    if len(values) < 3:
        return 0.0
    q = statistics.quantiles(values, n=4)
    return (q[2] - q[0]) / 2 / abs(statistics.median(values) or 1)


def compare(rows, measure, rounds=None, rounds_max=None):
    """rows: [(name, unit, goal)]; measure(kind) gives a value for each. Takes rounds on both in turn, and more while they spread.
    A unit "x" is a ratio by itself."""
    got = {kind: [] for kind in PROGRAMS}
    most = rounds_max or opt.rounds_max
    for n in range(most):
        for kind in PROGRAMS:
            value = measure(kind)
            got[kind].append(value if isinstance(value, tuple) else (value,))
        if n + 1 >= min(rounds or opt.rounds, most) and all(spread(ratios(got, i)) <= SPREAD_MAX for i in range(len(rows))):
            break
    for i, (name, unit, goal) in enumerate(rows):
        ours, real = (statistics.median(v[i] for v in got[k]) for k in ("tandem", "redis"))
        both = ratios(got, i)
        ratio = "" if unit == "x" or not both else f"{statistics.median(both):.2f}x"
        wide = max(spread([v[i] for v in got[k]]) for k in got) if unit == "x" else spread(both)
        shown = ratio + (f" ±{wide * 100:.0f}%" if wide >= 0.005 else "")
        ROWS.append((name, f"{ours:.3g} {unit}", f"{real:.3g} {unit}", shown, str(len(got["redis"])), goal))
        print("  " + " | ".join(ROWS[-1]), flush=True)


def ratios(got, i):
    return [t[i] / r[i] for t, r in zip(got["tandem"], got["redis"]) if r[i]]


def table():
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()
    print(f"\n| measured {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, redis {[w for w in version if w.startswith('v=')][0][2:]} "
          "| tandem | redis | ratio | rounds | goal |")
    print("|---|---|---|---|---|---|")
    for r in ROWS:
        print("| " + " | ".join(r) + " |")
