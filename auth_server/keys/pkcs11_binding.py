"""The PKCS#11 binding, which is an extra, and the libraries it reaches, opened for several threads.

The binding initialises a library without arguments, by which it promises that one thread at a time will call; SoftHSM, for one, takes it
at its word and crashes. So the library is initialised here, and told to lock.

Source: PKCS #11 Specification Version 3.1 (OASIS), C_Initialize and CK_C_INITIALIZE_ARGS.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from typing import Any, ClassVar, Final

from auth_server.protocol.errors import KeyUnavailable

_OS_LOCKING_OK: Final = 0x02
_OK: Final = 0x00
_ALREADY_INITIALIZED: Final = 0x191
# On Windows the structures of PKCS#11 are packed, elsewhere they lie as C lays them.
_PACKING: Final = 1 if sys.platform == "win32" else 0
_opening: Final = threading.Lock()


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: no mutexes of ours, so the operating system's."""

    _pack_ = _PACKING
    _fields_: ClassVar[Any] = [
        *((name, ctypes.c_void_p) for name in ("create_mutex", "destroy_mutex", "lock_mutex", "unlock_mutex")),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    ]


class _FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _pack_ = _PACKING
    _fields_: ClassVar[Any] = [
        ("version", ctypes.c_ubyte * 2),
        ("initialize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.POINTER(_InitializeArguments))),
    ]


@functools.cache
def binding() -> Any:
    """Return the package python-pkcs11.

    Raises:
        KeyUnavailable: it is not installed; most servers keep their keys themselves.
    """
    try:
        import pkcs11
        import pkcs11.util.ec
    except ImportError as error:
        raise KeyUnavailable("keys in an HSM need the package python-pkcs11: pip install 'sealwright[pkcs11]'") from error
    return pkcs11


@functools.cache
def errors(names: str) -> tuple[type[Exception], ...]:
    """Return the binding's exceptions that are called so, for an `except` clause."""
    return tuple(getattr(binding(), name) for name in names.split())


def open_module(path: str) -> Any:
    """Return a PKCS#11 library, which is opened once for the whole process.

    Raises:
        KeyUnavailable: it is not there, or does not work for several threads.
    """
    with _opening:
        return _opened(path)


@functools.cache
def _opened(path: str) -> Any:
    package = binding()
    from pkcs11._pkcs11 import lib

    class Module(lib):
        """A library whose initialisation is ours."""

        def initialize(self) -> None:
            _initialize(path)

    try:
        return Module(path)
    except (package.PKCS11Error, OSError, AttributeError) as error:
        raise KeyUnavailable(f"the PKCS#11 library {path} does not open: {type(error).__name__}") from error


def _initialize(path: str) -> None:
    functions = ctypes.POINTER(_FunctionList)()
    result = ctypes.CDLL(path).C_GetFunctionList(ctypes.byref(functions))
    if result == _OK:
        result = functions.contents.initialize(ctypes.byref(_InitializeArguments(flags=_OS_LOCKING_OK)))
    if result not in {_OK, _ALREADY_INITIALIZED}:
        raise KeyUnavailable(f"the PKCS#11 library {path} does not start for several threads: error {result:#x}")
