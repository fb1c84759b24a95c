# A Python contender's side of the protocol in ../program.lua, and what the kernel
# counts of processes.
import glob
import os
import sys
import time


def clock(call):
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def values_of(words):
    values = {}
    for word in words:
        key, value = word.split("=", 1)
        values[key] = int(value) if value.lstrip("-").isdigit() else value
    return values


def answer(cases, line):
    name, label, count, *rest = line.rstrip("\n").split("\t")
    seconds, extras = cases[name, label](int(count), values_of(rest))
    words = ["%.9g" % seconds]
    words += ["%s=%s" % pair for pair in extras.items()]
    return "\t".join(words)


# What tasks print must not get between the answers.
def serve(version, cases):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(text):
        out.write(text + "\n")
        out.flush()

    greeting = [version] + ["%s\t%s" % key for key in cases]
    say("\n".join(greeting) + "\n")
    for line in sys.stdin:
        try:
            say(answer(cases, line))
        except Exception as error:
            say("!" + repr(error).replace("\n", " "))


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


# All processes below this one.
def descendants():
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        pid, _, rest = read(path).partition(" (")
        if rest:
            parents[int(pid)] = int(rest.rpartition(") ")[2].split()[1])
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found - {os.getpid()}
        found |= more


# Memory of a process alone, in bytes.
def private(pid):
    lines = [line.split() for line in read("/proc/%s/smaps_rollup" % pid).splitlines()]
    return sum(int(f[1]) * 1024 for f in lines if f[0] in ("Private_Clean:", "Private_Dirty:"))


# Seconds of CPU time of some processes.
def cpu(pids):
    paths = [path for pid in pids for path in glob.glob("/proc/%d/task/*/schedstat" % pid)]
    return sum(int((read(path).split() or [0])[0]) for path in paths) / 1e9
