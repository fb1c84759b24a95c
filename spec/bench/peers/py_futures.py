# Python's concurrent.futures.ProcessPoolExecutor.
import sys
from concurrent.futures import ProcessPoolExecutor

import python_cases
import python_workloads
import serving


class Adapter:
    label = "ProcessPoolExecutor"

    def start(self, workers):
        self.workers = workers
        self.pool = ProcessPoolExecutor(workers)

    def stop(self):
        self.pool.shutdown()

    # It has one task a message unless told otherwise: the chunks of Pool.map.
    def adaptive(self, f, tasks):
        size = max(1, -(-len(tasks) // (4 * self.workers)))
        return list(self.pool.map(f, tasks, chunksize=size))

    def single(self, f, tasks):
        return list(self.pool.map(f, tasks))

    uneven = single

    def apply(self, f, x):
        return self.pool.submit(f, x).result()


class Workload:
    def __init__(self, workers, initializer, arguments):
        self.pool = ProcessPoolExecutor(workers, initializer=initializer, initargs=arguments)

    def map(self, f, tasks):
        return self.pool.map(f, tasks)

    def each(self, f, n):
        return self.pool.map(f, range(n))

    def stop(self):
        self.pool.shutdown()


if __name__ == "__main__":
    serving.serve("Python " + sys.version.split()[0], {
        **python_cases.cases(Adapter),
        **python_workloads.cases(Adapter.label, Workload),
    })
