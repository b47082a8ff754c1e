"""A file from which an internal failure can be repeated: the input, the pass pipeline, the seed and the versions."""

import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer

import wlm_dialect
from wlm_dialect.tools.output import open_output

_LIBRARIES = ("xdsl", "numpy", "numba")


def versions() -> str:
    """`wlm-dialect 0.1.0, xdsl 0.74.0, ...`: what decides how a pass behaves."""
    found = [f"wlm-dialect {wlm_dialect.__version__}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join([*found, f"python {platform.python_version()}"])


def write_reproducer(path: str | None, module: ModuleOp, passes: Sequence[ModulePass], failure: str) -> str:
    """Write the module as it was before the first pass, with how to repeat the failure; the path of the file.

    Without a path the file goes to the folder for temporary files.
    """
    if path is None:
        descriptor, path = tempfile.mkstemp(prefix="wlm-opt-", suffix=".mlir")
        os.close(descriptor)
    spec = ",".join(str(p) for p in passes)
    with open_output(path) as stream:
        stream.write(f"// {' '.join(failure.splitlines())}\n")
        stream.write(f"// repeat with: wlm-opt {path} -p '{spec}'\n")
        stream.write(f"// versions: {versions()}\n")
        stream.write(f"// seed: PYTHONHASHSEED={os.environ.get('PYTHONHASHSEED', 'random')}\n")
        Printer(stream=stream, print_generic_format=True).print_op(module)
        stream.write("\n")
    return path
