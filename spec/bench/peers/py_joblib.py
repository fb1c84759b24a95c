# joblib with its default back end (loky), the workers kept between calls.
import sys

import joblib
from joblib.externals.loky import get_reusable_executor

import python_cases
import serving


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


if __name__ == "__main__":
    serving.serve("joblib %s, Python %s" % (joblib.__version__, sys.version.split()[0]),
                  python_cases.cases(Adapter))
