"""Files that want to get out: to other files of the machine, to other machines, or to all of its memory."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

from ingest import media
from tests.contracts.files import EXAMPLES, SENTENCE

# TEST-NET-1 (RFC 5737): nobody's address.
URL = "http://192.0.2.1/canary"
BOMB_BYTES = 1 << 30
_BLOCK = bytes(1 << 20)
_NESTED = 8
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write(share: Path, canary: Path, depth: int) -> None:
    """Fill `share` with hostile files. They name `canary`: its `secret.txt` to be read, others to be made; by its whole
    path and by one that goes up `depth` folders first.
    """
    secret, climb = canary / "secret.txt", "../" * depth + str(canary).lstrip("/")
    texts = {
        "entity.xml": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">'
        f'<!ENTITY y SYSTEM "{URL}">]><a>{SENTENCE} &x; &y;</a>',
        "parameter.xml": f'<?xml version="1.0"?><!DOCTYPE a SYSTEM "{URL}.dtd"><a>{SENTENCE}</a>',
        "laughs.xml": _laughs(),
        "include.rst": f"Valves\n======\n\n{SENTENCE}\n\n.. include:: {secret}\n\n.. raw:: html\n   :url: {URL}\n\n"
        f".. csv-table::\n   :file: {secret}\n\n.. image:: {URL}.png\n",
        "include.org": f'* Valves\n{SENTENCE}\n#+INCLUDE: "{secret}"\n#+SETUPFILE: {URL}\n[[{URL}.png]]\n',
        "page.html": f'<html><head><link rel="stylesheet" href="{URL}.css"><base href="{URL}/">'
        f'<meta http-equiv="refresh" content="0;url={URL}"><script src="{URL}.js"></script></head><body><p>{SENTENCE}'
        f'</p><img src="{URL}.png"><iframe src="file://{secret}"></iframe><object data="{URL}"></object></body></html>',
        "picture.md": f"# Valves\n\n{SENTENCE}\n\n![here]({URL}.png) <img src='{URL}'> [[{secret}]]\n",
        "object.yaml": f'valve: {SENTENCE}\nbad: !!python/object/apply:os.system ["touch {canary}/yaml"]\n',
        "formula.csv": f'name,value\n"=WEBSERVICE(""{URL}"")","=cmd|\'/C touch {canary}/csv\'!A0"\nV40,{SENTENCE}\n',
        "picture.rtf": rf'{{\rtf1 {SENTENCE}{{\field{{\*\fldinst INCLUDEPICTURE "{URL}"}}}}{{\object\objautlink '
        rf"{{\*\objdata 01}}}}{{\*\template {URL}}}}}",
        "body.eml": f"From: a@example.com\nMIME-Version: 1.0\nContent-Type: message/external-body; access-type=URL;\n"
        f' URL="{URL}"\n\nContent-Type: text/plain\n\n{SENTENCE}\n',
    }
    for name, text in texts.items():
        (share / name).write_text(text, encoding="utf-8")
    _archives(share, canary, climb)
    (share / "relations.docx").write_bytes(document(secret))
    (share / "out.txt").symlink_to(secret)
    (share / "above").symlink_to(canary)
    os.mkfifo(share / "pipe.txt")


def _laughs() -> str:
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "{SENTENCE}">{entities}]><a>&l9;</a>'


def _archives(share: Path, canary: Path, climb: str) -> None:
    names = [
        f"{climb}/zip-up.txt",
        f"{canary}/zip-absolute.txt",
        "..\\..\\zip.txt",
        "C:\\zip.txt",
        "/",
        "..",
        "a/../../b",
    ]
    with zipfile.ZipFile(share / "names.zip", "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), SENTENCE)
        link = zipfile.ZipInfo("link.txt")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, str(canary / "secret.txt"))
    with tarfile.open(share / "members.tar", "w") as tar:
        for name, kind, target in (
            ("device", tarfile.BLKTYPE, ""),
            ("null", tarfile.CHRTYPE, ""),
            ("pipe", tarfile.FIFOTYPE, ""),
            ("symbolic.txt", tarfile.SYMTYPE, str(canary / "secret.txt")),
            ("hard.txt", tarfile.LNKTYPE, str(canary / "secret.txt")),
            ("inside", tarfile.SYMTYPE, str(canary)),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.devmajor, member.devminor = kind, target, 1, 3
            tar.addfile(member)
        for name in (f"{climb}/tar-up.txt", f"{canary}/tar-absolute.txt", "inside/tar-through.txt"):
            member = tarfile.TarInfo(name)
            member.size = len(SENTENCE)
            tar.addfile(member, io.BytesIO(SENTENCE.encode()))
    inner, name = SENTENCE.encode(), "note.txt"
    for level in range(_NESTED):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(name, inner)
        inner, name = made.getvalue(), f"level{level}.zip"
    (share / "nested.zip").write_bytes(inner)
    with (
        zipfile.ZipFile(share / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros.txt", "w") as zeros,
    ):
        for _ in range(BOMB_BYTES // len(_BLOCK)):
            zeros.write(_BLOCK)


def document(secret: Path) -> bytes:
    """Return a DOCX whose template, pictures, frames and subdocuments lie elsewhere."""
    relations = "".join(
        f'<Relationship Id="evil{number}" Type="{_RELATIONS}/{kind}" Target="{target}" TargetMode="External"/>'
        for number, (kind, target) in enumerate(
            [
                ("attachedTemplate", f"{URL}.dotm"),
                ("image", f"{URL}.png"),
                ("image", f"file://{secret}"),
                ("subDocument", f"file://{secret}"),
                ("aFChunk", f"file://{secret}"),
                ("header", URL),
                ("oleObject", URL),
            ]
        )
    )
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(EXAMPLES[media.DOCX]())) as good, zipfile.ZipFile(made, "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "word/_rels/document.xml.rels":
                content = content.replace(b"</Relationships>", relations.encode() + b"</Relationships>")
            if name == "word/document.xml":
                content = content.replace(b"</w:body>", b'<w:altChunk r:id="evil4"/><w:subDoc r:id="evil3"/></w:body>')
            bad.writestr(name, content)
    return made.getvalue()
