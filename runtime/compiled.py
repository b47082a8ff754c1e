"""The loops compiled by numba, made from the sources of the plain ones when first asked for.

The sources are joined into one file in a cache directory, named after their content: numba keeps its machine code
beside that file, so a changed source never meets old code, and an installation that cannot be written to works too.
Tables travel as bare pointers and every function has one signature, taken from its annotations: that compiles nine
times as fast as arrays in a named tuple.
"""

import ast
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from wlm_dialect.errors import UsageError
from wlm_dialect.kernels.csr import I64
from wlm_dialect.runtime.state import State

_LOOP = ("heap_array", "pushes", "firmware", "loop")
_PACKAGE = "wlm_dialect.runtime."
_REPLACED = ("jit", "heap", "state", *_LOOP, "sweep")
_WIDE = {"manage", "counts", "items", "eng", "bar", "handlers"}  # tables with several columns
_LONG = {"cycles", "delay", "bytes", "delta", "lag"}  # ticks and bytes among the static tables
STATIC = State._fields[: State._fields.index("items")]


def available() -> bool:
    """Numba is installed."""
    return importlib.util.find_spec("numba") is not None


def dtype(name: str) -> type[np.int32] | type[np.int64]:
    """Type of the entries of a table of `State` in the compiled loop."""
    return np.int32 if name in STATIC and name not in _LONG else np.int64


def simulate(s: State) -> None:
    """`loop.simulate` on arrays, each of the type that `dtype` says."""
    keep: list[I64] = []  # rows of addresses must outlive the call
    addresses = np.zeros(len(s), np.int64)
    for n, (name, table) in enumerate(zip(State._fields, s, strict=True)):
        array: Any = table
        assert array.dtype == dtype(name)
        assert array.flags.c_contiguous
        if name in _WIDE:
            array = np.array([row.ctypes.data for row in array], np.int64)
            keep.append(array)
        addresses[n] = array.ctypes.data
    _loop().entry(addresses)


def sweep() -> ModuleType:
    """Module `sweep`, compiled."""
    import numba

    return _load(("sweep",), "", {"jit": lambda lasting: numba.njit(cache=lasting, nogil=True)})


@cache
def _loop() -> ModuleType:
    arguments = ", ".join(f"pointer_{name}(addresses[{n}])" for n, name in enumerate(State._fields))
    entry = f"\n\n@jit\ndef entry(addresses: I64) -> None:\n    simulate(State({arguments}))\n"
    return _load(_LOOP, entry, _numba_names())


def _numba_names() -> dict[str, Any]:
    """Names that the joined loop uses: the decorator, the named tuple of pointers, and how to make each of them."""
    import numba
    import numba.types

    types: Any = numba.types
    from numba.extending import intrinsic

    def pointer(kind: Any) -> Any:
        def make(_context: Any, _address: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

            return kind(types.int64), code

        return intrinsic(make)

    names: dict[str, Any] = {}
    kinds = []
    for name in State._fields:
        kind = types.CPointer(types.int32 if dtype(name) is np.int32 else types.int64)
        kinds.append(types.CPointer(kind) if name in _WIDE else kind)
        names[f"pointer_{name}"] = pointer(kinds[-1])
    of: dict[Any, Any] = {int: types.int64, bool: types.boolean, None: types.void, I64: types.int64[::1]}
    of.update({State: types.NamedTuple(kinds, State), list[int]: types.CPointer(types.int64)})

    def decorator(lasting: bool) -> Callable[[Any], Any]:
        def compiles(function: Any) -> Any:
            *arguments, result = (of[a] for a in function.__annotations__.values())
            return numba.njit(result(*arguments), cache=lasting, nogil=True)(function)

        return compiles

    return {**names, "jit": decorator, "State": State, "I64": I64}


@cache
def _constants() -> dict[str, int]:
    from wlm_dialect.runtime import state

    return {name: value for name, value in vars(state).items() if isinstance(value, int)}


def _load(parts: tuple[str, ...], extra: str, names: dict[str, Any]) -> ModuleType:
    """These modules of `runtime` and `extra` as one compiled module; UsageError without numba."""
    import numba

    here = Path(__file__).resolve().parent
    source = "\n\n".join(_stripped((here / f"{part}.py").read_text(encoding="utf-8")) for part in parts) + extra
    constants = sorted(_constants().items())
    stamp = f"{source}{constants}{numba.__version__}{sys.version}"
    name = f"wlm_compiled_{parts[-1]}_{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    path, lasting = _written(name, source)
    module = ModuleType(name)
    module.__file__ = str(path)
    module.__dict__.update(constants)
    module.__dict__.update(names)
    module.__dict__["jit"] = names["jit"](lasting)
    sys.modules[name] = module  # numba looks the module up by name when it loads cached code
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def need_numba() -> None:
    """UsageError unless compiled loops are possible."""
    if not available():
        raise UsageError("compiled loops need numba: pip install 'wlm-dialect[fast]', or leave compiled out")


def _stripped(source: str) -> str:
    """The source without the imports of what the joined file is given."""
    drop: set[int] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").removeprefix(_PACKAGE) in _REPLACED:
            drop.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return "\n".join(line for n, line in enumerate(source.splitlines(), 1) if n not in drop) + "\n"


def _written(name: str, source: str) -> tuple[Path, bool]:
    """The file with the joined source, and whether it lasts beyond this process."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "wlm-dialect" / f"{name}.py"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(source, encoding="utf-8")
            draft.replace(path)  # two processes may do this at once
        return path, True
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="wlm-dialect-")) / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        return path, False
