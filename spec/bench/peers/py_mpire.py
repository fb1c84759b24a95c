# MPIRE, with workers that are kept and under fork.
import sys

from mpire import WorkerPool

import python_cases
import python_workloads
import serving
import workloads as w


def version():
    try:
        from importlib.metadata import version as of
        return of("mpire")
    except Exception:
        return "(a checkout)"


class Adapter:
    label = "MPIRE"

    def start(self, workers):
        self.pool = WorkerPool(n_jobs=workers, keep_alive=True, start_method="fork")

    def stop(self):
        self.pool.stop_and_join()

    def adaptive(self, f, tasks):
        return self.pool.map(f, tasks)

    def single(self, f, tasks):
        return self.pool.map(f, tasks, chunk_size=1)

    uneven = single

    def apply(self, f, x):
        return self.pool.apply(f, (x,))


# The workloads as MPIRE's own programs have them.
def convolve(image, kernel):
    return w.convolve(image, w.shared["size"], kernel)


def numerical(_, values):
    filters = w.prepare_image(values)

    def whole():
        with WorkerPool(n_jobs=2, shared_objects=w.shared["image"], keep_alive=True, start_method="fork") as pool:
            tasks = ((f,) for f in filters)
            results = list(pool.imap(convolve, tasks, iterable_len=len(filters)))
            return results, python_workloads.private_of_workers()
    seconds, (results, private) = serving.clock(whole)
    return seconds, {"checksum": w.checksum_of_images(results), "private": private}


def stateful(_, values):
    tasks = [(document,) for document in w.documents(values)]
    seen = {}

    def whole():
        with WorkerPool(n_jobs=2, use_worker_state=True, keep_alive=True, start_method="fork") as pool:
            pool.map_unordered(w.count_words, tasks, worker_exit=w.often_seen)
            seen["private"] = python_workloads.private_of_workers()
            pool.stop_and_join()
            return set().union(*pool.get_exit_results())
    seconds, union = serving.clock(whole)
    assert union
    return seconds, seen


def load(state):
    state["model"] = w.load_model(w.shared["path"])


def predict(state, number):
    return w.predict(state["model"], number)


def initialization(path, values, found):
    w.shared["path"] = path
    pinned = [0, 1] if values["pinned"] else None
    total = 0
    with WorkerPool(n_jobs=2, use_worker_state=True, keep_alive=True, cpu_ids=pinned,
                    start_method="fork") as pool:
        for _ in range(values["rounds"]):
            total += sum(pool.imap_unordered(predict, range(1, w.TASKS + 1), worker_init=load))
        found.update(checksum=total, private=python_workloads.private_of_workers())


if __name__ == "__main__":
    serving.serve("MPIRE %s, Python %s" % (version(), sys.version.split()[0]),
                  {
                      **python_cases.cases(Adapter),
                      ("numerical", "MPIRE"): numerical,
                      ("stateful", "MPIRE"): stateful,
                      ("initialization", "MPIRE"): python_workloads.with_model(initialization),
                  })
