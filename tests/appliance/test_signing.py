"""Keys, signed notes, checkpoints and salted digests."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from appliance.digest import Digester, salted_digest
from appliance.errors import LogError
from appliance.signing import Signer, create_signer, load_signer, open_checkpoint, open_note

# The note, the verifier key and the private key that Go's note package publishes as its example.
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

SIGNER = Signer("log.test/one", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOTE = SIGNER.checkpoint(12, bytes(range(32))).note


def test_the_published_example_is_signed_and_opened() -> None:
    """Key, key id and signature are, byte for byte, those of the published example."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(GO_PRIVATE)[1:])
    signer = Signer("PeterNeumann", key)
    assert GO_VERIFIER == signer.verifier_key
    assert f"{GO_TEXT}\n{GO_SIGNATURE}" == signer.sign(GO_TEXT)
    assert open_note(f"{GO_TEXT}\n{GO_SIGNATURE}", GO_VERIFIER) == GO_TEXT


def test_a_checkpoint_has_the_lines_of_the_format() -> None:
    """Origin, size and root, an empty line, a signature."""
    lines = NOTE.split("\n")
    assert ["log.test/one", "12", base64.b64encode(bytes(range(32))).decode(), ""] == lines[:4]
    assert lines[4].startswith("— log.test/one ")
    assert [""] == lines[5:]


def test_a_checkpoint_opens_to_what_was_signed() -> None:
    """Signing and opening are inverse."""
    assert SIGNER.checkpoint(12, bytes(range(32))) == open_checkpoint(NOTE, SIGNER.verifier_key)


@given(bit=st.integers(0, len(NOTE.encode()) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    """A note with one bit changed is not opened, in the base64's unused bits as little as in the text."""
    data = bytearray(NOTE.encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises((LogError, UnicodeDecodeError)):
        open_checkpoint(data.decode(), SIGNER.verifier_key)


def test_signatures_of_others_are_ignored_but_never_enough() -> None:
    """A co-signature beside ours changes nothing; without ours a note is not opened."""
    text = NOTE.split("\n\n")[0] + "\n"
    other = Signer.generate("witness").sign(text).removeprefix(text + "\n")
    assert 12 == open_checkpoint(NOTE + other, SIGNER.verifier_key).size
    assert 12 == open_checkpoint(f"{text}\n{other}{NOTE.removeprefix(text)[1:]}", SIGNER.verifier_key).size
    with pytest.raises(LogError):
        open_checkpoint(f"{text}\n{other}", SIGNER.verifier_key)


@pytest.mark.parametrize(
    "text",
    ["other\n12\n{root}\n", "log.test/one\n012\n{root}\n", "log.test/one\n-1\n{root}\n", "log.test/one\n12\nshort\n",
     "log.test/one\n12\n{root}\nmore\n", "log.test/one\n12\n", "log.test/one\n٣\n{root}\n"],
)  # fmt: skip
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """A good signature does not make a checkpoint of another text."""
    note = SIGNER.sign(text.format(root=base64.b64encode(bytes(32)).decode()))
    with pytest.raises(LogError):
        open_checkpoint(note, SIGNER.verifier_key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n"])
def test_a_name_has_neither_spaces_nor_plus(name: str) -> None:
    """Names that a note cannot carry are refused."""
    with pytest.raises(LogError):
        Signer.generate(name)


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """log.key has mode 0600, is never replaced, and loads to the same signer."""
    made = create_signer(tmp_path / "keys", "one")
    key = tmp_path / "keys" / "log.key"
    assert 0o600 == stat.S_IMODE(key.stat().st_mode)
    before = key.read_bytes()
    with pytest.raises(LogError, match="exists already"):
        create_signer(tmp_path / "keys", "one")
    assert before == key.read_bytes()
    assert made.verifier_key == load_signer(tmp_path / "keys", "one").verifier_key
    assert f"{made.verifier_key}\n" == (tmp_path / "keys" / "log.pub").read_text()


def test_a_missing_verifier_key_is_written_again(tmp_path: Path) -> None:
    """log.pub follows from log.key."""
    made = create_signer(tmp_path, "one")
    (tmp_path / "log.pub").unlink()
    load_signer(tmp_path, "one")
    assert f"{made.verifier_key}\n" == (tmp_path / "log.pub").read_text()


def test_another_name_is_refused(tmp_path: Path) -> None:
    """A configuration that renames the log is told the former name."""
    create_signer(tmp_path, "one")
    with pytest.raises(LogError, match="'one'") as caught:
        load_signer(tmp_path, "two")
    assert "log.origin" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff\xfe"])
def test_a_spoilt_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key file that is no key raises LogError with a hint."""
    (tmp_path / "log.key").write_bytes(content)
    with pytest.raises(LogError) as caught:
        load_signer(tmp_path, "one")
    assert caught.value.hint


def test_a_digest_is_that_of_salt_and_text(tmp_path: Path) -> None:
    """One revealed salt is enough to check one text, and each record has its own."""
    digester = Digester.open(tmp_path / "keys")
    salt = digester.salt("record-1")
    assert hashlib.sha256(salt + b"Wie viel?").hexdigest() == digester.digest("record-1", "Wie viel?")
    assert salted_digest(salt, "Wie viel?") == digester.digest("record-1", "Wie viel?")
    assert digester.digest("record-1", "x") != digester.digest("record-2", "x")


def test_the_digest_key_is_kept(tmp_path: Path) -> None:
    """Opened again, the same text has the same digest; another home has another."""
    first = Digester.open(tmp_path / "keys").digest("r", "text")
    assert first == Digester.open(tmp_path / "keys").digest("r", "text")
    assert first != Digester.open(tmp_path / "others").digest("r", "text")
    assert 0o600 == stat.S_IMODE((tmp_path / "keys" / "digest.key").stat().st_mode)


def test_a_spoilt_digest_key_is_refused(tmp_path: Path) -> None:
    """A key of another length raises LogError instead of making other digests."""
    (tmp_path / "digest.key").write_bytes(b"short")
    with pytest.raises(LogError):
        Digester.open(tmp_path)
