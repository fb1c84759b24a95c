# MPIRE's three workloads, as cases/numerical.lua, stateful.lua and
# initialization.lua have them: the same numbers, the same order of operations, so
# that the checksums are the same. Nothing here knows of pools.
import json
import os
import tempfile


def congruence(x):
    while True:
        x = (x * 1103515245 + 12345) % 2147483648
        yield x


# ---- numerical computation -----------------------------------------------------

SIZE = 4  # of a filter
STEP = 5

# What workers inherit by fork.
shared = {}


def prepare_image(values):
    size = values["size"]
    stream = congruence(42)
    shared["image"] = [next(stream) / 2147483648 + 0.01 for _ in range(size * size)]
    shared["size"] = size
    stream = congruence(7)
    return [[next(stream) / 2147483648 - 0.5 for _ in range(SIZE * SIZE)]
            for _ in range(values["filters"])]


def convolve(image, size, kernel):
    result = []
    n = size + SIZE - 1
    for y in range(n):
        i_range = range(max(0, y - size + 1), min(SIZE - 1, y) + 1)
        for x in range(n):
            total = 0.0
            for i in i_range:
                at = (y - i) * size + x
                for j in range(max(0, x - size + 1), min(SIZE - 1, x) + 1):
                    total = total + image[at - j] * kernel[i * SIZE + j]
            if x % STEP == 0 and y % STEP == 0:
                result.append(total)
    return result


def convolve_shared(kernel):
    return convolve(shared["image"], shared["size"], kernel)


# With the image in every task: how the published program does it.
def convolve_sent(image, size, kernel):
    return convolve(image, size, kernel)


def checksum_of_images(results):
    total = 0.0
    for result in results:
        for x in result:
            total = total + x
    return "%.10g" % total


# ---- stateful computation --------------------------------------------------------

LONGEST = 19  # of a beginning
OFTEN = 3

documents_made = {}


def documents(values):
    key = values["documents"], values["words"]
    if key not in documents_made:
        stream = congruence(42)
        documents_made[key] = [
            [bytes(next(stream) >> 16 & 255 for _ in range(20))
             for _ in range(key[1] * 3 // 2 if d % 2 == 0 else key[1] // 2)]
            for d in range(key[0])]
    return documents_made[key]


def count_words(state, document):
    get = state.get
    for word in document:
        for i in range(1, LONGEST + 1):
            beginning = word[:i]
            state[beginning] = get(beginning, 0) + 1


def often_seen(state):
    return {beginning for beginning, count in state.items() if count > OFTEN}


def checksum_of_sets(sets):
    union = set().union(*sets)
    return "%d/%d" % (len(union), sum(map(len, union)))


# A worker's state where the pool has none: a global of its process.
own_state = {}
gathering = None


def begin_counting(barrier):
    global gathering
    own_state.clear()
    gathering = barrier


def count_in_own(document):
    count_words(own_state, document)


# As many of these as workers: each waits until all have one.
def hand_over(_):
    gathering.wait()
    return often_seen(own_state)


# ---- expensive initialization ------------------------------------------------------

TASKS = 10


def write_model(values):
    stream = congruence(42)

    def rows(n, width):
        return [[(next(stream) >> 8) % 2001 / 1000 - 1 for _ in range(width)] for _ in range(n)]

    model = {
        "hidden": rows(values["hidden"], values["inputs"]),
        "output": rows(10, values["hidden"]),
        "images": rows(values["images"], values["inputs"]),
        "weight": rows(values["weight"], values["inputs"]),
    }
    handle, path = tempfile.mkstemp()
    with os.fdopen(handle, "w") as file:
        json.dump(model, file)
    return path


own_model = {}


def load_model(path):
    with open(path) as file:
        return json.load(file)


def load_own_model(path):
    own_model["model"] = load_model(path)


def dot(a, b):
    total = 0.0
    for x, y in zip(a, b):
        total = total + x * y
    return total


def recognize(model, image):
    hidden = [max(0.0, dot(row, image)) for row in model["hidden"]]
    scores = [dot(row, hidden) for row in model["output"]]
    return scores.index(max(scores)) + 1


def predict(model, number):
    return number + sum(recognize(model, image) for image in model["images"])


def predict_with_own(number):
    return predict(own_model["model"], number)


# For pools without initializers: loaded at the first task of a process.
def predict_loading(path, number):
    if own_model.get("path") != path:
        load_own_model(path)
        own_model["path"] = path
    return predict_with_own(number)
