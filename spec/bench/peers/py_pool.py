# Python's multiprocessing.Pool.
import multiprocessing
import sys

import python_cases
import python_workloads
import serving


class Adapter:
    label = "multiprocessing.Pool"

    def start(self, workers):
        self.pool = multiprocessing.Pool(workers)

    def stop(self):
        self.pool.close()
        self.pool.join()

    def adaptive(self, f, tasks):
        return self.pool.map(f, tasks)

    def single(self, f, tasks):
        return self.pool.map(f, tasks, chunksize=1)

    # Its own chunks bind tasks to workers before anything is known of them.
    uneven = single

    def apply(self, f, x):
        return self.pool.apply(f, (x,))


class Workload:
    def __init__(self, workers, initializer, arguments):
        self.pool = multiprocessing.Pool(workers, initializer, arguments)

    # A message for each task: there are few, and they are long.
    def map(self, f, tasks):
        return self.pool.imap(f, tasks)

    def each(self, f, n):
        return self.pool.map(f, range(n), chunksize=1)

    def stop(self):
        self.pool.close()
        self.pool.join()


if __name__ == "__main__":
    serving.serve("Python " + sys.version.split()[0], {
        **python_cases.cases(Adapter),
        **python_workloads.cases(Adapter.label, Workload),
        **python_workloads.published(Adapter.label, Workload),
        **python_workloads.serial,
    })
