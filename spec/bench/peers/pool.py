# Python's multiprocessing.Pool at the same cases; prints "name seconds" lines.
import time
from multiprocessing import Pool


def same(x):
    return x


def clock(name, count, call):
    best = None
    for _ in range(3):
        began = time.perf_counter()
        call()
        took = (time.perf_counter() - began) / count
        best = took if best is None else min(best, took)
    print(name, repr(best))


def start_and_stop():
    with Pool(2) as pool:
        pool.map(same, range(2))


if __name__ == "__main__":
    clock("start", 1, start_and_stop)
    with Pool(2) as pool:
        pool.map(same, range(1000))
        clock("adaptive", 1000000, lambda: pool.map(same, range(1000000)))
        clock("single", 20000, lambda: pool.map(same, range(20000), chunksize=1))
        clock("apply", 300, lambda: [pool.apply(same, (1,)) for _ in range(300)])
        clock("ten", 100, lambda: [pool.map(same, range(10)) for _ in range(100)])
        for name, size in (("64 KB", 1 << 16), ("1 MB", 1 << 20), ("100 MB", 100 << 20)):
            text = b"x" * size
            clock(name, 1, lambda: pool.apply(same, (text,)))
