# The tasks of the Python contenders: on a module of its own, so that every way
# to start workers finds them.
import os
import time


def same(x):
    return x


def pid(_):
    return os.getpid()


# Milliseconds of CPU time.
def burn(ms):
    clock = time.process_time
    ends = clock() + ms / 1000
    while clock() < ends:
        pass
