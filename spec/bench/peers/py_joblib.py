# joblib with its default back end (loky), the workers kept between calls.
import sys

import joblib
from joblib.externals.loky import get_reusable_executor

import python_cases
import python_workloads
import serving
import workloads


class Adapter:
    label = "joblib"

    def start(self, workers):
        self.pool = joblib.Parallel(n_jobs=workers)
        self.pool.__enter__()

    def stop(self):
        self.pool.__exit__(None, None, None)
        get_reusable_executor().shutdown(wait=True)

    def adaptive(self, f, tasks):
        return self.pool(joblib.delayed(f)(x) for x in tasks)

    def single(self, f, tasks):
        self.pool.batch_size = 1
        try:
            return self.adaptive(f, tasks)
        finally:
            self.pool.batch_size = "auto"

    uneven = adaptive

    def apply(self, f, x):
        return self.pool([joblib.delayed(f)(x)])[0]


# It has no initializer and no end of a worker: the image is sent (large arrays of
# numpy would be mapped from a file), a model is loaded by the first task that needs
# it, and the stateful workload cannot be told.
def numerical(values):
    filters = workloads.prepare_image(values)
    image, size = workloads.shared["image"], workloads.shared["size"]

    def whole():
        with joblib.Parallel(n_jobs=2) as pool:
            results = pool(joblib.delayed(workloads.convolve_sent)(image, size, f) for f in filters)
            private = python_workloads.private_of_workers()
        get_reusable_executor().shutdown(wait=True)
        return results, private
    seconds, (results, private) = serving.clock(whole)
    return seconds, {"checksum": workloads.checksum_of_images(results), "private": private}


def initialization(path, values, found):
    total = 0
    with joblib.Parallel(n_jobs=2, batch_size=1) as pool:
        for _ in range(values["rounds"]):
            total += sum(pool(joblib.delayed(workloads.predict_loading)(path, number)
                              for number in range(1, workloads.TASKS + 1)))
        found.update(checksum=total, private=python_workloads.private_of_workers())
    get_reusable_executor().shutdown(wait=True)


if __name__ == "__main__":
    serving.serve("joblib %s, Python %s" % (joblib.__version__, sys.version.split()[0]),
                  {
                      **python_cases.cases(Adapter),
                      ("numerical", "joblib, image in each task"): lambda _, values: numerical(values),
                      ("initialization", "joblib"): python_workloads.with_model(initialization),
                  })
