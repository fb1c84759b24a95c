# MPIRE, with workers that are kept and under fork.
import sys

from mpire import WorkerPool

import python_cases
import serving


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


if __name__ == "__main__":
    serving.serve("MPIRE %s, Python %s" % (version(), sys.version.split()[0]),
                  python_cases.cases(Adapter))
