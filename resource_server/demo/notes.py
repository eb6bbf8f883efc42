"""Notes, in memory, bounded in number and size. Pure but for their own state: ids and times are handed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

MAX_TEXT_CHARACTERS: Final = 2_000
MAX_NOTES_EACH: Final = 100
MAX_NOTES: Final = 10_000


class NoteRefused(Exception):
    """A note that cannot be kept, found or deleted."""

    def __init__(self, status: int, reason: str, description: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.description = status, reason, description


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `owner` is the `sub` of whoever wrote it; `created_at` is in seconds since the epoch."""

    id: str
    text: str
    owner: str
    created_at: int

    def as_json(self) -> dict[str, object]:
        """Return the note's wire form."""
        return asdict(self)


class Notes:
    """All notes, oldest first."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def of(self, owner: str) -> list[Note]:
        """Return the notes of one owner."""
        return [note for note in self._notes.values() if note.owner == owner]

    def all(self) -> list[Note]:
        """Return everybody's notes."""
        return list(self._notes.values())

    def add(self, note: Note) -> None:
        """Keep a note.

        Raises:
            NoteRefused: its owner, or everybody together, has as many as are kept.
        """
        if len(self.of(note.owner)) >= MAX_NOTES_EACH:
            raise NoteRefused(409, "too_many_notes", f"At most {MAX_NOTES_EACH} notes are kept for each owner; delete one first.")
        if len(self._notes) >= MAX_NOTES:
            raise NoteRefused(507, "storage_full", "No more notes can be kept at the moment.")
        self._notes[note.id] = note

    def delete(self, note_id: str, owner: str) -> None:
        """Delete an owner's own note.

        Raises:
            NoteRefused: there is no such note, or it is another's.
        """
        note = self._notes.get(note_id)
        if note is None:
            raise NoteRefused(404, "unknown_note", "There is no such note.")
        if note.owner != owner:
            raise NoteRefused(403, "not_your_note", "The note belongs to somebody else.")
        del self._notes[note_id]


def read_text(body: dict[str, object]) -> str:
    """Return the text of a note to be.

    Raises:
        NoteRefused: the body is not `{"text": "..."}` with text of a sane length.
    """
    text = body.get("text")
    if body.keys() != {"text"} or not isinstance(text, str) or not text.strip():
        raise NoteRefused(422, "invalid_note", 'A note is {"text": "..."} with some text, and nothing else.')
    if len(text) > MAX_TEXT_CHARACTERS:
        raise NoteRefused(422, "note_too_long", f"A note has at most {MAX_TEXT_CHARACTERS} characters.")
    return text
