"""An Apache of our own with mod_auth_openidc: its configuration, its process. Nothing of the system's own Apache is touched."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from docs.demo.servers import answers, free_ports
from tests.interop.site import wait_until

MODULES: Final = Path("/usr/lib/apache2/modules")
_LOADED: Final = ("mpm_event", "authn_core", "authz_core", "authz_user", "alias", "headers", "auth_openidc")


@dataclass(frozen=True, slots=True)
class Apache:
    """Where it will be, before it runs."""

    folder: Path
    port: int
    program: str

    @property
    def origin(self) -> str:
        """Its address; `localhost` because its cookies must come back to it."""
        return f"http://localhost:{self.port}"

    @property
    def callback(self) -> str:
        """Where the issuer sends people back to."""
        return f"{self.origin}/private/callback"


def find_apache() -> str | None:
    """Return the path of an Apache with mod_auth_openidc; None when there is none."""
    program = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
    return program if program and (MODULES / "mod_auth_openidc.so").exists() else None


def an_apache(folder: Path, program: str) -> Apache:
    """Lay out folders and choose a port."""
    (folder / "public").mkdir(parents=True)
    (folder / "public" / "index.html").write_text("everybody\n", encoding="utf-8")
    (folder / "public" / "private").mkdir()
    (folder / "public" / "private" / "index.html").write_text("members\n", encoding="utf-8")
    for path in (folder, folder / "public", folder / "public" / "private"):
        path.chmod(0o755)
    return Apache(folder, free_ports(1)[0], program)


@contextlib.contextmanager
def running(apache: Apache, directives: str) -> Iterator[None]:
    """Run it as an ordinary process in the foreground, with its own ServerRoot."""
    configuration = apache.folder / "httpd.conf"
    configuration.write_text(_configuration(apache, directives), encoding="utf-8")
    words = [apache.program, "-d", str(apache.folder), "-f", str(configuration), "-DFOREGROUND"]
    with (apache.folder / "out").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: process.poll() is not None or answers(f"{apache.origin}/"))
            assert process.poll() is None, (apache.folder / "out").read_text() + (apache.folder / "error.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _configuration(apache: Apache, directives: str) -> str:
    built_in = subprocess.run([apache.program, "-l"], capture_output=True, text=True, check=True).stdout
    modules = [name for name in (*_LOADED, "dir", "unixd") if f"mod_{name}.c" not in built_in]
    loaded = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules if (MODULES / f"mod_{name}.so").exists()
    )
    return f"""\
ServerRoot {apache.folder}
ServerName localhost
Listen {apache.port}
PidFile {apache.folder}/pid
Mutex file:{apache.folder} default
ErrorLog {apache.folder}/error.log
DocumentRoot {apache.folder}/public
{loaded}
DirectoryIndex index.html
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MinSpareThreads 8
MaxSpareThreads 8
MaxRequestWorkers 8
<Directory {apache.folder}/public>
    Require all granted
</Directory>
{directives}
"""
