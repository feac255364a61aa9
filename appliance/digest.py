"""Digests of texts that may be guessed: questions, answers, names.

A plain hash of a short question can be found by trying questions. Each record therefore has its own salt, made from
the home's key and the record's id, so that an auditor can be shown one salt, and check one text with it, without
learning any other:

    salt   = HMAC-SHA256(key, record id)
    digest = SHA-256(salt || text)
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from appliance.durable import create_file, explain
from appliance.errors import LogError

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Digester:
    """Makes digests under one key."""

    _key: bytes = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Digester:
        """Return the digester of the key in `folder`/digest.key, which is made if there is none."""
        file = folder / "digest.key"
        try:
            if not file.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _create(file)
            key = file.read_bytes()
        except OSError as error:
            raise explain(error, f"the digest key {file} cannot be used") from error
        if len(key) != KEY_BYTES:
            raise LogError(
                f"the digest key {file} has {len(key)} bytes instead of {KEY_BYTES}",
                "Put the key back from where your keys are kept.",
            )
        return cls(key)

    def salt(self, record_id: str) -> bytes:
        """Return the salt of one record: 32 bytes that say nothing about the salt of another."""
        return hmac.digest(self._key, record_id.encode("utf-8", "surrogatepass"), "sha256")

    def digest(self, record_id: str, text: str) -> str:
        """Return the digest of a text of this record, 64 hex digits."""
        return salted_digest(self.salt(record_id), text)


def salted_digest(salt: bytes, text: str) -> str:
    """Return SHA-256(salt || text) in hex: what a holder of the revealed salt computes."""
    return hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).hexdigest()


def _create(file: Path) -> None:
    try:
        create_file(file, secrets.token_bytes(KEY_BYTES))
    except FileExistsError:
        return  # another thread or process was first: its key counts
