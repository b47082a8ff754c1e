"""Files of text that a user names."""

from pathlib import Path

from wlm_dialect.errors import FrontendError


def read_text(path: Path, what: str = "") -> str:
    """The text of a file; FrontendError, which begins with `what` it is for, if it cannot be read or is not UTF-8."""
    place = f"{what} {path}" if what else str(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FrontendError(f"{place}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FrontendError(f"{place}: not UTF-8 text") from None
