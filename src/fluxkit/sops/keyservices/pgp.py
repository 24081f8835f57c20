"""PGP through the ``gpg`` program, in a keyring that exists only while it is asked (getsops/sops ``pgp/keysource.go``).

Keys go in through standard input, never through arguments; passphrases are never asked for. The agent that gpg starts
is ended, and the directory removed, whatever happens.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fluxkit.sops.errors import MasterKeyError

__all__ = ["Keyring", "encrypt"]

_SECONDS: Final = 20.0
_MEMORY: Final = "/dev/shm"
_OUTPUT: Final = 1 << 20
_SHOWN: Final = 2000


class Keyring:
    """A GnuPG home directory with the given keys."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @classmethod
    @asynccontextmanager
    async def open(cls, keys: Sequence[bytes]) -> AsyncIterator["Keyring"]:
        """Raises :class:`MasterKeyError` if a key cannot be imported."""
        # in memory where there is such a place, so that a process that is killed leaves no key on a disk
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fluxkit-gpg-", dir=memory))
        keyring = cls(home)
        try:
            for key in keys:
                await keyring._import(key)
            yield keyring
        finally:
            await asyncio.shield(keyring._close())

    async def decrypt(self, message: str) -> bytes:
        """The content of an armored message. Raises :class:`MasterKeyError`."""
        code, output, said = await self._run("--decrypt", feed=message.encode())
        if code or not output:
            reason = said if code else "zero bytes returned"
            raise MasterKeyError(
                "could not decrypt data key with PGP key: GnuPG binary error: failed to decrypt sops data key with "
                f"pgp: {reason}"
            )
        return output

    async def _import(self, key: bytes) -> None:
        code, _, said = await self._run("--import", feed=key)
        if code:
            raise MasterKeyError(f"failed to import armored key data into GnuPG keyring (exit status {code}): {said}")

    async def _run(self, *arguments: str, feed: bytes) -> tuple[int, bytes, str]:
        try:
            process = await asyncio.create_subprocess_exec(
                "gpg",
                "--homedir",
                str(self._home),
                "--batch",
                "--no-tty",
                "--quiet",
                "--pinentry-mode",
                "error",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
            )
        except FileNotFoundError:
            raise MasterKeyError("no 'gpg' program on path: it is needed for PGP keys") from None
        try:
            async with asyncio.timeout(_SECONDS):
                output, said = await process.communicate(feed)
        except TimeoutError:
            raise MasterKeyError(f"gpg did not end within {_SECONDS:g}s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = said.decode("utf-8", "replace").replace(str(self._home), "GNUPGHOME").strip()
        return process.returncode or 0, output[:_OUTPUT], text[:_SHOWN]

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._home), "LC_ALL": "C"}

    async def _close(self) -> None:
        """Ends what gpg has left running, then removes everything."""
        try:
            process = await asyncio.create_subprocess_exec(
                "gpgconf",
                "--homedir",
                str(self._home),
                "--kill",
                "all",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment,
            )
        except FileNotFoundError:
            pass  # without GnuPG nothing is running
        else:
            try:
                async with asyncio.timeout(_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        # an agent notices that its directory is gone, and ends
        await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)


def encrypt(plain: bytes, fingerprint: str) -> str:
    """An armored message for the owner of a key in the keyring of the user who runs this. Blocking.

    Raises :class:`MasterKeyError`.
    """
    command = (
        "gpg",
        "--batch",
        "--no-tty",
        "--quiet",
        "--yes",
        "--armor",
        "--no-encrypt-to",
        "--trust-model",
        "always",
    )
    try:
        done = subprocess.run(
            (*command, "--recipient", fingerprint, "--encrypt"),
            input=plain,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise MasterKeyError("no 'gpg' program on path: it is needed for PGP keys") from None
    except subprocess.TimeoutExpired:
        raise MasterKeyError(f"gpg did not end within {_SECONDS:g}s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise MasterKeyError(f"failed to encrypt sops data key with pgp: {said[:_SHOWN]}")
    return done.stdout.decode().strip() + "\n"
