"""Where memory comes from, for a process that many threads share for weeks."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

import pyarrow as pa

# Of glibc's malloc.h: what to set, and to what. Each run of a page is a new thread, and by default each gets
# a pool of its own, up to eight a core, of which little ever comes back. Setting a threshold ends its
# growing: tables of more than 4 MB are given back when they are freed, smaller ones are used again.
_SETTINGS: Final = {
    "M_ARENA_MAX": (-8, 2),
    "M_MMAP_THRESHOLD": (-3, 4 << 20),
    "M_TRIM_THRESHOLD": (-1, 32 << 20),
}
# Of Linux' prctl.h.
_PR_SET_THP_DISABLE: Final = 41


def sparing() -> bool:
    """Let what is freed go back to the system; True where the C library takes the settings (glibc does)."""
    # Arrow's own allocator would keep what the largest file or fetch needed.
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        # numpy asks for pages of 2 MB under each large array. Where that lay in a pool, the system fills its
        # place with such pages also after it was freed, for a few bytes that are used there.
        library.prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
        return all(library.mallopt(*setting) == 1 for setting in _SETTINGS.values())
    return False


def give_back() -> bool:
    """Give the system whole pages that lie free between what is still used; True where that can be asked.

    A pool only shrinks at its end by itself: one table that stays keeps everything that was freed below it.
    """
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).malloc_trim(0) in (0, 1)
    return False
