"""Everything that is done to signing keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from auth_server.keys.burning import Burning
from auth_server.keys.importing import Importing
from auth_server.keys.keyring import Keyring
from auth_server.keys.lifecycle import RotationPolicy
from auth_server.keys.restore import Restore
from auth_server.keys.rewrap import Rewrap
from auth_server.keys.rings import Rings
from auth_server.keys.server_secrets import ServerSecrets
from auth_server.services.ground import Ground
from auth_server.services.restoring import build_restoring

if TYPE_CHECKING:
    from auth_server.services.services import Services

# What an operator has done to whole rings; both take the same.
RingWork = TypeVar("RingWork", Burning, Restore)


def with_keys(build: Callable[..., Services], ground: Ground, policy: RotationPolicy) -> Callable[..., Services]:
    """Return `build` with everything that is done to keys filled in."""
    store, custodians, keys = ground.store, ground.custodians, ground.key_encryption_keys
    return partial(
        build,
        rings=_rings(ground, policy),
        burning=_work_on_rings(Burning, ground, policy),
        restore=_work_on_rings(Restore, ground, policy),
        importing=Importing(store=store, custodians=custodians, watch=ground.watch),
        server_secrets=ServerSecrets(store=store, key_encryption_keys=keys),
        rewrap=Rewrap(store=store, key_encryption_keys=keys, custodians=custodians),
        restoring=build_restoring(ground),
    )


def _rings(ground: Ground, policy: RotationPolicy) -> Rings:
    return Rings(
        store=ground.store,
        custodians=ground.custodians,
        policy=policy,
        algorithms=ground.settings.signing_algorithms,
        custodian=ground.settings.key_custodian,
        watch=ground.watch,
    )


def _work_on_rings(work: type[RingWork], ground: Ground, policy: RotationPolicy) -> RingWork:
    return work(
        store=ground.store,
        custodians=ground.custodians,
        policy=policy,
        custodian=ground.settings.key_custodian,
        watch=ground.watch,
    )


def build_keyring(ground: Ground, policy: RotationPolicy) -> Keyring:
    """Return what signs and publishes."""
    return Keyring(
        store=ground.store,
        clock=ground.store.clock,
        custodians=ground.custodians,
        policy=policy,
        algorithms=ground.settings.signing_algorithms,
        spare_core=_cores() > ground.settings.workers,
        watch=ground.watch,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
