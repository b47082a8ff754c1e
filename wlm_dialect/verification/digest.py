"""A name for exactly this program on exactly this machine."""

from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from wlm_dialect.program import Program


def digest(program: Program) -> str:
    """SHA-256 of all that is in the program, as hexadecimal digits; equal programs, equal digests."""
    hashed = sha256()

    def feed(value: Any) -> None:
        if isinstance(value, np.ndarray):
            hashed.update(f"{value.dtype.str}{value.shape}".encode())
            hashed.update(np.ascontiguousarray(value).tobytes())
        elif is_dataclass(value):
            for f in fields(value):
                hashed.update(f.name.encode())
                feed(getattr(value, f.name))
        else:
            hashed.update(repr(value).encode())

    for f in fields(program):
        if f.name != "extra":
            hashed.update(f.name.encode())
            feed(getattr(program, f.name))
    return hashed.hexdigest()
