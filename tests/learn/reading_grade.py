"""How hard a text is to read, as a school grade."""

from __future__ import annotations

import re
from typing import Final

_SENTENCES: Final = re.compile(r"[.!?:]+(?:\s|$)")
_WORDS: Final = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")
_VOWELS: Final = re.compile(r"[aeiouy]+")
_SILENT: Final = re.compile(r"(?:[^laeiouy]es|[^tdlaeiouy]ed|[^laeiouy]e|[aeiouy]+le)$")


def syllables(word: str) -> int:
    """Syllables of an English word, by its groups of vowels less a silent ending; 1 or more."""
    plain = re.sub(r"[^a-z]", "", word.lower())
    count = len(_VOWELS.findall(plain))
    # Endings that are heard: boxes, wages, prices.
    heard = re.search(r"(?:[sxzcg]|sh|ch)es$", plain)
    return max(count - (1 if _SILENT.search(plain) and not heard else 0), 1)


def reading_grade(text: str) -> float:
    """The Flesch-Kincaid grade: 9 is what a pupil of about 15 reads with ease; numbers are left out.

    0.39 · words / sentences + 11.8 · syllables / words − 15.59. Source: Kincaid et al. (1975), Navy report
    8-75.
    """
    words = _WORDS.findall(text)
    if not words:
        return 0.0
    sentences = max(sum(1 for part in _SENTENCES.split(text) if _WORDS.search(part)), 1)
    return 0.39 * len(words) / sentences + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
