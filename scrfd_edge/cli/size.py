"""Sizes on the command line, of pictures and of memory, in the one form that all commands take."""

import math
import re

from ..errors import SettingError


def parse_size(option: str, text: str) -> tuple[int, int]:
    """(height, width) in pixels, each from 1 to 99,999. Raises SettingError that names the option."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text.strip().lower())
    if match is None:
        raise SettingError(f"{option} must be WIDTHxHEIGHT in pixels, such as 640x384, got {text!r:.80}.")
    return int(match[2]), int(match[1])


def parse_gib(option: str, value: float) -> int:
    """Bytes of that many GiB, 0 or more. Raises SettingError that names the option."""
    if not 0 <= value < math.inf:
        raise SettingError(f"{option} must be a number of GiB from 0, got {value}.")
    return int(value * 2**30)
