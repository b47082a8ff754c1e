"""Files that appear whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from wlm_dialect.errors import UsageError


class PendingFile:
    """A file under construction, in a temporary file beside `path` that `commit` renames onto it.

    A device or pipe is written directly, a link is followed. `stream` may be closed by anyone before `commit`.
    Text, or bytes if `binary`. Raises UsageError where the folder or the file cannot be written.
    """

    def __init__(self, path: str, *, binary: bool = False) -> None:
        self.path = path
        if not path:
            raise UsageError("cannot write '': the name of a file is empty")
        self._binary = binary
        self._target = os.path.realpath(path)
        self._temporary = ""
        try:
            self.stream: IO[Any] = self._open()
        except OSError as error:
            raise self.refused(error) from None

    def _open(self) -> IO[Any]:
        try:
            mode = os.stat(self._target).st_mode
        except FileNotFoundError:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
        else:
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(21, "it is a folder")
            if not stat.S_ISREG(mode):
                return self._writer(self._target)
            if not os.access(self._target, os.W_OK):
                raise PermissionError(13, "it is write-protected")
        folder, name = os.path.split(self._target)
        descriptor, self._temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
        os.chmod(self._temporary, stat.S_IMODE(mode))
        return self._writer(descriptor)

    def _writer(self, file: str | int) -> IO[Any]:
        return open(file, "wb") if self._binary else open(file, "w", encoding="utf-8", newline="\n")

    def commit(self) -> None:
        """Close the file and let it appear under its name."""
        try:
            self.stream.close()
            if self._temporary:
                os.replace(self._temporary, self._target)
        except OSError as error:
            self.abort()
            raise self.refused(error) from None
        self._temporary = ""

    def abort(self) -> None:
        """Close the file and leave no trace of it."""
        with suppress(OSError):
            self.stream.close()
        if self._temporary:
            with suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = ""

    def refused(self, error: OSError) -> UsageError:
        """What to tell the user about an error of the system."""
        reason = str(error.strerror)
        return UsageError(f"cannot write '{self.path}': {reason[:1].lower()}{reason[1:]}")


@contextmanager
def new_file(path: str, *, binary: bool = False) -> Iterator[IO[Any]]:
    """The file `path`, which appears only if the block raises nothing; errors of the system are about this file."""
    pending = PendingFile(path, binary=binary)
    try:
        yield pending.stream
    except BaseException as error:  # an interrupt, too, leaves no half of a file
        pending.abort()
        if isinstance(error, OSError) and error.filename is None and not isinstance(error, BrokenPipeError):
            raise pending.refused(error) from None
        raise
    pending.commit()


def write_bytes(path: str, data: bytes) -> None:
    """Write `data` to the file `path`, whole or not at all."""
    with new_file(path, binary=True) as stream:
        stream.write(data)
