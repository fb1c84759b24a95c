# The cases for any Python pool. What a pool is called by is an adapter:
#
#   label                  how the contender is called
#   start(workers), stop()
#   adaptive(f, list)      a map with the chunks that are good for it
#   single(f, list)        a map with a message for each task
#   apply(f, x)            one task
import time

from serving import clock, cpu, descendants
from tasks import burn, same


def warm(adapter, workers=2):
    adapter.start(workers)
    adapter.adaptive(same, range(1000))
    adapter.single(same, range(2 * workers))


# A case that runs `body(adapter, count, values)` on a pool that has seen tasks.
def on_warm(make, body, workers=2):
    def run(count, values):
        adapter = make()
        warm(adapter, values.get("workers", workers))
        try:
            return body(adapter, count, values)
        finally:
            adapter.stop()
    return run


def adaptive(adapter, n, _):
    seconds, results = clock(lambda: adapter.adaptive(same, range(n)))
    assert len(results) == n and results[-1] == n - 1
    return seconds, {}


def single(adapter, n, _):
    seconds, results = clock(lambda: adapter.single(same, range(n)))
    assert len(results) == n and results[-1] == n - 1
    return seconds, {}


def apply(adapter, n, _):
    def calls():
        for i in range(n):
            assert adapter.apply(same, i) == i
    return clock(calls)[0], {}


def payload(adapter, n, values):
    data = b"x" * values["size"]

    def calls():
        for _ in range(n):
            assert len(adapter.apply(same, data)) == len(data)
    return clock(calls)[0], {}


def ten(adapter, n, _):
    def calls():
        for _ in range(n):
            adapter.adaptive(same, range(10))
    return clock(calls)[0], {}


def maps(adapter, n, values):
    def calls():
        for _ in range(n):
            assert len(adapter.adaptive(same, range(values["tasks"]))) == values["tasks"]
    return clock(calls)[0], {}


def durations(n, order):
    if order is None:
        return [1.0] * n
    result = [0.1] * n
    for i in range(1, n // 100 + 1):
        at = {"rising": n + 1 - i, "falling": i, "mixed": i * 7919 % n + 1}[order]
        result[at - 1] = 10.0
    return result


def uneven(adapter, _, values):
    tasks = durations(values["tasks"], values.get("order"))
    seconds, _ = clock(lambda: adapter.uneven(burn, tasks))
    return seconds, {"efficiency": sum(tasks) / 1000 / 2 / seconds}


def idle(adapter, n, values):
    pids = descendants()
    before = cpu(pids) + time.process_time()
    if values["waits"]:
        adapter.apply(time.sleep, values["ms"] / 1000 * n)
    else:
        time.sleep(values["ms"] / 1000 * n)
    return cpu(pids) + time.process_time() - before, {}


def start(make):
    def run(n, values):
        def lives():
            for _ in range(n):
                adapter = make()
                adapter.start(values["workers"])
                adapter.single(same, range(values["workers"]))
                adapter.stop()
        return clock(lives)[0], {}
    return run


# All cases of one kind of pool, for serving.serve.
def cases(make):
    label = make.label
    found = {("start", label): start(make), ("growth_start", label): start(make)}
    for name, body in {
        "adaptive": adaptive, "single": single, "apply": apply, "payload": payload, "ten": ten,
        "uneven": uneven, "idle": idle, "growth_tasks": maps, "growth_workers": adaptive,
        "growth_payload": payload,
    }.items():
        found[name, label] = on_warm(make, body)
    return found
