import threading

from tokenbooth.guard.memory import Memory, fingerprint


def test_the_oldest_makes_room():
    memory = Memory(2)
    for name in (b"a", b"b", b"a", b"c"):
        memory.put(name, name)

    assert (memory.get(b"a"), memory.get(b"b"), memory.get(b"c")) == (b"a", None, b"c")
    assert len(memory) == 2


def test_what_is_forgotten_is_gone():
    memory = Memory(2)
    memory.put(b"a", 1)
    memory.forget(b"a")
    memory.forget(b"a")

    assert memory.get(b"a") is None


def test_many_threads_stay_within_the_bound():
    memory = Memory(50)

    def fill(start):
        for number in range(2000):
            memory.put(b"%d-%d" % (start, number), number)

    threads = [threading.Thread(target=fill, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(memory) <= 50 + 8


def test_a_fingerprint_is_a_sha256():
    assert fingerprint("abc").hex().startswith("ba7816bf8f01cfea")
