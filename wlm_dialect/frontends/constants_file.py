"""Constants of a program in a file beside its IR: a .npz, named in the IR together with its hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import FrontendError, UsageError
from wlm_dialect.files import new_file
from wlm_dialect.program import Program
from wlm_dialect.program.payload import read_payload, with_payload

_CHUNK = 1 << 20


def write_constants(program: Program, constants: Mapping[str, NDArray[Any]], path: Path) -> Program:
    """Write the constants; the program that names the file and its hash. Same constants, same bytes."""
    if path.suffix != ".npz":
        raise FrontendError(f"{path}: constants go into a file called .npz")
    names = sorted(constants)
    arrays: dict[str, Any] = {f"c{k}": constants[name] for k, name in enumerate(names)}  # theirs are no file names
    try:
        with new_file(str(path), binary=True) as stream:
            np.savez(stream, names=np.array(names), **arrays)
    except UsageError as error:
        raise FrontendError(str(error)) from None
    payload = read_payload(program)
    network = replace(payload.network, file=path.name, sha256=_hash(path))
    return with_payload(program, replace(payload, network=network))


def read_constants(program: Program, folder: Path) -> dict[str, NDArray[Any]]:
    """The constants that a program names, from its file in `folder`; FrontendError if that is another one."""
    network = read_payload(program).network
    if not network.file:
        raise FrontendError(f"@{program.name} names no file of constants; make one with wlm compile --payload")
    path = folder / network.file
    try:
        found = _hash(path)
        if found != network.sha256:
            raise FrontendError(
                f"{path}: sha256 is {found[:16]}..., but @{program.name} was made with {network.sha256[:16]}...; "
                "compile it again"
            )
        with np.load(path, allow_pickle=False) as data:
            return {str(name): data[f"c{k}"] for k, name in enumerate(data["names"])}
    except OSError as error:
        raise FrontendError(f"{path}: {error.strerror}") from None
    except (KeyError, ValueError, BadZipFile) as error:
        raise FrontendError(f"{path}: no file of constants: {error}") from None


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
