"""Keys and signed checkpoints of the log.

Formats: C2SP signed-note with Ed25519 signatures, C2SP tlog-checkpoint (https://c2sp.org). A checkpoint is

    origin
    size in decimal
    base64 of the root
    (empty line)
    — origin base64(key id || signature)

and a verifier key, by which others check it, `origin+hex of key id+base64(0x01 || public key)`.

The private key lies in `log.key` (PEM, PKCS #8, readable by its owner alone), the verifier key in `log.pub`, in a
folder of their own that no backup of the data holds: who restores the data elsewhere must not be able to sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from appliance.durable import create_file, explain, replace_file
from appliance.errors import LogError
from appliance.merkle import HASH_BYTES
from appliance.types import Checkpoint

ED25519 = b"\x01"
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs in the name of one log."""

    name: str
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> Signer:
        """Return a signer with a new key that is written nowhere."""
        return cls(_checked(name), Ed25519PrivateKey.generate())

    @property
    def verifier_key(self) -> str:
        """The public half, as others need it to check this signer's notes."""
        return verifier_key(self.name, self._public())

    def sign(self, text: str) -> str:
        """Return the signed note of `text`, which ends in a newline."""
        if not text.endswith("\n"):
            raise ValueError("the text of a note ends in a newline")
        signature = key_id(self.name, self._public()) + self._key.sign(text.encode())
        return f"{text}\n— {self.name} {base64.b64encode(signature).decode()}\n"

    def checkpoint(self, size: int, root: bytes) -> Checkpoint:
        """Sign that the log's first `size` entries have this root."""
        text = f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        return Checkpoint(origin=self.name, size=size, root=root.hex(), note=self.sign(text))

    def private_pem(self) -> bytes:
        """Return the private key as PEM, PKCS #8, unencrypted."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _public(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes by which a note names the key of an Ed25519 signature."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """Return the textual form of a public key."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def open_note(note: str, verifier: str) -> str:
    """Return the text of a note that the holder of the verifier key's private half has signed, or raise LogError."""
    name, public = _parse_verifier(verifier)
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise LogError("the note has no signature")
    text += "\n"
    prefix = f"— {name} "
    for line in signatures[:-1].split("\n"):
        signature = _decode(line.removeprefix(prefix), KEY_ID_BYTES + SIGNATURE_BYTES)
        # Signatures of keys that one does not know are to be ignored (signed-note, "Signatures").
        if not line.startswith(prefix) or signature is None or signature[:KEY_ID_BYTES] != key_id(name, public):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[KEY_ID_BYTES:], text.encode())
        except InvalidSignature as error:
            raise LogError(f"the signature of {name} does not fit the note") from error
        return text
    raise LogError(f"the note bears no signature of {name}")


def open_checkpoint(note: str, verifier: str) -> Checkpoint:
    """Return what a checkpoint says, if it is signed by this key for a log of the same name; or raise LogError."""
    lines = open_note(note, verifier).split("\n")
    name, _ = _parse_verifier(verifier)
    if len(lines) != 4 or lines[0] != name or not _SIZE.fullmatch(lines[1]):
        raise LogError(f"the note is not a checkpoint of log {name}")
    root = _decode(lines[2], HASH_BYTES)
    if root is None:
        raise LogError("the checkpoint's root is not the base64 of 32 bytes")
    return Checkpoint(origin=name, size=int(lines[1]), root=root.hex(), note=note)


def create_signer(folder: Path, name: str) -> Signer:
    """Make a new key in `folder` and return its signer. An existing key is never replaced: LogError."""
    signer = Signer.generate(name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_file(folder / "log.key", signer.private_pem())
        replace_file(folder / "log.pub", f"{signer.verifier_key}\n".encode())
    except FileExistsError as error:
        raise LogError(f"{folder / 'log.key'} exists already", "Move it away if a new key is wanted.") from error
    except OSError as error:
        raise explain(error, f"the log's key cannot be written into {folder}") from error
    return signer


def load_signer(folder: Path, name: str) -> Signer:
    """Return the signer whose key lies in `folder`. LogError when there is none, or it belongs to another log."""
    file = folder / "log.key"
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise LogError(
            f"the log's signing key {file} is missing", "Put the key back from where your keys are kept."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise LogError(
            f"the log's signing key {file} cannot be read: {error}", "Put the key back from where your keys are kept."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LogError(f"{file} is not an Ed25519 key", "Put the key back from where your keys are kept.")
    signer = Signer(_checked(name), key)
    _check_public(folder / "log.pub", signer)
    return signer


def _check_public(file: Path, signer: Signer) -> None:
    """Write the verifier key if it is missing (it follows from the private one); refuse one of another name or key."""
    try:
        if not file.exists():
            replace_file(file, f"{signer.verifier_key}\n".encode())
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(
            f"{file} cannot be read: {error}", "Remove it; it is written again at the next start."
        ) from error
    if found != signer.verifier_key:
        raise LogError(
            f"{file} is the key of log {found.split('+')[0]!r}, the configuration names {signer.name!r}",
            'Set "log.origin" to the former name, or put the matching keys into place.',
        )


def _parse_verifier(verifier: str) -> tuple[str, bytes]:
    name, _, rest = verifier.strip().partition("+")
    key_hex, _, encoded = rest.partition("+")
    data = _decode(encoded, 1 + HASH_BYTES)
    if not name or data is None or data[:1] != ED25519 or key_id(name, data[1:]).hex() != key_hex:
        raise LogError(f"{verifier!r} is not an Ed25519 verifier key", "Take the line in log.pub.")
    return name, data[1:]


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise LogError(f"{name!r} cannot name a log", 'Choose a "log.origin" without spaces and plus signs.')
    return name


def _decode(text: str, size: int) -> bytes | None:
    """Return the bytes of strict base64, None if it is not that or not `size` bytes long."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The decoder drops bits that a different text could carry: one content has one text here.
    return data if len(data) == size and base64.b64encode(data).decode() == text else None
