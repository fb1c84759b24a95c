# MPIRE's workloads on Python's own pools, in the form that is good for them: the
# image is a global that workers inherit, states and models are globals that an
# initializer makes. `make(workers, initializer, arguments)` gives an adapter with
# map(f, tasks), which is lazy where the pool can, each(f, n), stop().
import functools
import multiprocessing
import os

import workloads as w
from serving import clock, descendants, private

WORKERS = 2
MB = 1024 * 1024


def private_of_workers():
    return max(map(private, descendants()), default=0) / MB


def numerical(make, task_of):
    def run(_, values):
        filters = w.prepare_image(values)
        found = {}

        def whole():
            pool = make(WORKERS, None, ())
            found["results"] = list(pool.map(task_of(), filters))
            found["private"] = private_of_workers()
            pool.stop()
        seconds = clock(whole)[0]
        return seconds, {"checksum": w.checksum_of_images(found["results"]), "private": found["private"]}
    return run


def inherited():
    return w.convolve_shared


def sent():
    return functools.partial(w.convolve_sent, w.shared["image"], w.shared["size"])


def stateful(make):
    def run(_, values):
        documents = w.documents(values)
        found = {}

        def whole():
            barrier = multiprocessing.Barrier(WORKERS)
            pool = make(WORKERS, w.begin_counting, (barrier,))
            for _ in pool.map(w.count_in_own, documents):
                pass
            found["private"] = private_of_workers()
            found["union"] = set().union(*pool.each(w.hand_over, WORKERS))
            pool.stop()
        seconds = clock(whole)[0]
        assert found["union"]
        return seconds, {"private": found["private"]}
    return run


def with_model(body):
    def run(_, values):
        path = w.write_model(values)
        found = {}
        try:
            seconds = clock(lambda: body(path, values, found))[0]
        finally:
            os.remove(path)
        return seconds, found
    return run


def initialization(make):
    def body(path, values, found):
        pool = make(WORKERS, w.load_own_model, (path,))
        total = 0
        for _ in range(values["rounds"]):
            total += sum(pool.map(w.predict_with_own, range(1, w.TASKS + 1)))
        found.update(checksum=total, private=private_of_workers())
        pool.stop()
    return with_model(body)


# The published form of the first, for a pool that is to show what it costs.
def published(label, make):
    return {("numerical", label + ", image in each task"): numerical(make, sent)}


def cases(label, make):
    return {
        ("numerical", label): numerical(make, inherited),
        ("stateful", label): stateful(make),
        ("initialization", label): initialization(make),
    }


# ---- without a pool ------------------------------------------------------------

def serial_numerical(_, values):
    filters = w.prepare_image(values)
    seconds, results = clock(lambda: [w.convolve_shared(f) for f in filters])
    return seconds, {"checksum": w.checksum_of_images(results)}


# With the split of the documents that cases/stateful.lua has.
def serial_stateful(_, values):
    documents = w.documents(values)

    def whole():
        states = {}, {}
        for i, document in enumerate(documents):
            w.count_words(states[i // 2 % 2], document)
        return [w.often_seen(state) for state in states]
    seconds, sets = clock(whole)
    return seconds, {"checksum": w.checksum_of_sets(sets)}


def serial_initialization(path, values, found):
    model = w.load_model(path)
    found["checksum"] = sum(w.predict(model, number)
                            for _ in range(values["rounds"]) for number in range(1, w.TASKS + 1))


serial = {
    ("numerical", "Python, serial"): serial_numerical,
    ("stateful", "Python, serial"): serial_stateful,
    ("initialization", "Python, serial"): with_model(serial_initialization),
}
