"""Sizes on the command line, in the one form that all commands take: WIDTHxHEIGHT."""

import re

from ..errors import SettingError


def parse_size(option: str, text: str) -> tuple[int, int]:
    """(height, width) in pixels, each from 1 to 99,999. Raises SettingError that names the option."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text.strip().lower())
    if match is None:
        raise SettingError(f"{option} must be WIDTHxHEIGHT in pixels, such as 640x384, got {text!r:.80}.")
    return int(match[2]), int(match[1])
