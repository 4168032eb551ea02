"""Memory that a process no longer needs goes back to the system."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
from liqcore.service import allocation
if sys.argv[1] == "sparing":
    assert allocation.sparing()
import ctypes, re
import numpy as np

def work():
    # What a run of a page does: many arrays of all sizes at once, one of which outlives it.
    many = [np.ones(size) for size in range(20_000, 60_000, 40)]
    kept.append(many[len(many) // 2].copy())

kept, stay = [], threading.Barrier(12)
def one():
    stay.wait()
    work()

threads = [threading.Thread(target=one) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
# A pool of its own for each of many threads is told as one heap each.
libc = ctypes.CDLL(None)
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
stream = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, stream)
libc.fclose(stream)
print(open(sys.argv[2]).read().count("<heap "))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told how to allocate")
def test_threads_share_few_pools_of_memory(tmp_path):
    def pools(how: str) -> int:
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT, how, str(tmp_path / how)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(made.stdout)

    assert pools("sparing") <= 2 < pools("as it is")


HOLES = """
import psutil
from liqcore.service import allocation
assert allocation.sparing()
many = [bytearray(100_000) for _ in range(2_000)]
# One small thing that stays in the middle of every ten keeps the pool as large as it ever was.
kept, many = many[::10], None
before = psutil.Process().memory_info().rss
assert allocation.give_back()
print((before - psutil.Process().memory_info().rss) / 1e6)
"""

LARGE = """
import numpy as np
from liqcore.service import allocation
assert allocation.sparing()
kept = np.ones(40_000_000 // 8)
print(sum(int(line.split()[1]) for line in open("/proc/self/smaps") if line.startswith("AnonHugePages")))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_memory_that_lies_free_between_what_is_used_goes_back():
    made = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert float(made.stdout) > 120, "of 200 MB one tenth is still used"


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has huge pages by these names")
def test_a_large_table_lies_on_ordinary_pages():
    made = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert int(made.stdout) == 0
