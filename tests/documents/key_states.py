"""The life of a signing key as a picture, drawn from the table of transitions that the code obeys.

`python -m tests.documents.key_states` prints what stands in `docs/keys.md`.
"""

from __future__ import annotations

from typing import Final

from auth_server.keys.lifecycle import TRANSITIONS
from auth_server.store.signing_keys import KeyState

# Why a key goes from one state to the other; Mermaid takes neither a second colon nor a semicolon.
WHY: Final[dict[tuple[KeyState, KeyState], str]] = {
    (KeyState.PENDING, KeyState.ACTIVE): "published for longer than N, and the active key is T_rot old",
    (KeyState.PENDING, KeyState.RETIRED): "withdrawn unused, for its ring was closed or another standby imported",
    (KeyState.PENDING, KeyState.COMPROMISED): "burned",
    (KeyState.ACTIVE, KeyState.RETIRING): "its successor signs",
    (KeyState.ACTIVE, KeyState.COMPROMISED): "burned, and the standby signs in the same commit",
    (KeyState.RETIRING, KeyState.RETIRED): "V has passed",
    (KeyState.RETIRING, KeyState.COMPROMISED): "burned",
    (KeyState.IMPORTED_VERIFY_ONLY, KeyState.RETIRED): "its not_after has passed",
    (KeyState.IMPORTED_VERIFY_ONLY, KeyState.COMPROMISED): "burned",
    (KeyState.RETIRED, KeyState.COMPROMISED): "burned",
}
_BEGINNINGS: Final = {
    KeyState.PENDING: "made, or imported with its private half",
    KeyState.IMPORTED_VERIFY_ONLY: "public half of a former issuer's key",
}


def mermaid() -> str:
    """Return the state diagram."""
    lines = [f"    [*] --> {state.value}: {why}" for state, why in _BEGINNINGS.items()]
    for before, afters in TRANSITIONS.items():
        lines += [f"    {before.value} --> {after.value}: {WHY[before, after]}" for after in KeyState if after in afters]
    lines += [f"    {state.value} --> [*]" for state, afters in TRANSITIONS.items() if not afters]
    return "\n".join(["stateDiagram-v2", *lines])


if __name__ == "__main__":
    print(mermaid())
