"""What is kept on disk from one run to the next; a file that cannot be used or written is told, and stands in nobody's way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from resource_server.digest_file import StateUnusable

T_co = TypeVar("T_co", covariant=True)


class _File(Protocol[T_co]):
    def load(self) -> T_co | None: ...


class Kept(Generic[T_co]):
    """One file, or none.

    Args:
        what: names its events, `saved_<what>_unusable` and `<what>_not_saved`.
        tell: takes (level, event, fields) for the log.
    """

    def __init__(self, file: _File[T_co] | None, what: str, tell: Callable[[str, str, Mapping[str, object]], None]) -> None:
        self._file, self._what, self._tell = file, what, tell
        self.was_read = file is None

    def read_once(self) -> T_co | None:
        """Return what an earlier run left, the first time; nothing after that, or if it cannot be used."""
        if self._file is None or self.was_read:
            return None
        self.was_read = True
        try:
            return self._file.load()
        except StateUnusable as error:
            self._tell("warning", f"saved_{self._what}_unusable", {"cause": str(error)})
            return None

    def write(self, save: Callable[[], None]) -> None:
        """Carry out `save`; a disk that refuses is told."""
        try:
            save()
        except OSError as error:
            self._tell("warning", f"{self._what}_not_saved", {"cause": error.strerror or type(error).__name__})
