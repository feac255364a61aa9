"""The signatures of files that are recognized in order to say what they are, not to be read.

Sources: the formats' own specifications, and the list of file signatures kept with `file` (magic numbers are facts).
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.types import Status
from ingest.files import BadFile

CONVERT = "Save it as PDF, DOCX, PPTX, XLSX, HTML, Markdown or plain text."
NO_TEXT = "Leave it as it is: there is no text in it to be searched."
UNPACK = "Unpack it into the share, or pack it again as ZIP."
DECRYPT = "Put a copy without encryption into the share."
REMOVE = "Remove it from the share if it is not meant to be there."


@dataclass(frozen=True, slots=True)
class Signature:
    """`mark` stands at `offset`. In texts only marks with a control character count: others are words ("BMW fleet")."""

    mark: bytes
    what: str
    hint: str
    offset: int = 0
    status: Status = "unsupported"

    def found(self, head: bytes, is_text: bool) -> bool:
        """Tell whether a file that begins with `head` bears this signature."""
        if is_text and min(self.mark) >= 32:
            return False
        return head.startswith(self.mark, self.offset)

    def problem(self) -> BadFile:
        """Return the result for a file that bears this signature."""
        return BadFile(self.status, self.what, self.hint)


def find(head: bytes, is_text: bool) -> Signature | None:
    """Return the signature that the file's first bytes bear, if any."""
    return next((each for each in _ALL if each.found(head, is_text)), None)


def _all(hint: str, *rows: tuple[bytes | tuple[int, bytes], str]) -> tuple[Signature, ...]:
    marks = ((mark if isinstance(mark, tuple) else (0, mark), what) for mark, what in rows)
    return tuple(Signature(mark, what, hint, offset) for (offset, mark), what in marks)


_DOCUMENTS = _all(
    CONVERT,
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a OneNote notebook"),
    (b"ITSF", "a Windows help file (CHM)"),
    (b"AT&TFORM", "a scanned document (DjVu)"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file (EPS)"),
    (b"\x04%!PS", "a PostScript file"),
    (b"\xffWPC", "a WordPerfect document"),
    (b"HWP Document File", "a Hangul document (HWP)"),
    (b"\x31\xbe\0\0", "a Windows Write document"),
    (b"\x32\xbe\0\0", "a Windows Write document"),
    (b"\xdb\xa5\x2d\0", "a Word document from before 1993"),
    (b"\xfe\x37\0\x23", "a Word document from before 1993"),
    (b"\0\0\x02\0\x06\x04\x06\0", "a Lotus 1-2-3 sheet"),
    (b"\0\0\x02\0\x04\x04", "a Lotus 1-2-3 sheet"),
    (b"\0\0\x1a\0", "a Lotus 1-2-3 sheet"),
    (b"\0\0\x02\0", "a Quattro Pro or Lotus sheet"),
    ((60, b"BOOKMOBI"), "an e-book (MOBI)"),
    (b"ITOLITLS", "an e-book (LIT)"),
    (b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", "an InDesign layout"),
    (b"!BDN", "an Outlook data file (PST)"),
    (b"\x78\x9f\x3e\x22", "a package of attachments by Outlook (winmail.dat)"),
    (b"\x05\0\0\0\x01\0\0\0bplist", "an Apple property list"),
)
_IMAGES = _all(
    "Save it as PNG or JPEG.",
    (b"8BPS", "an image (Photoshop)"),
    (b"gimp xcf", "an image (GIMP)"),
    ((4, b"ftypheic"), "an image (HEIC)"),
    ((4, b"ftypheix"), "an image (HEIC)"),
    ((4, b"ftypmif1"), "an image (HEIF)"),
    ((4, b"ftypavif"), "an image (AVIF)"),
    (b"\xff\x0a", "an image (JPEG XL)"),
    (b"\0\0\0\x0cJXL ", "an image (JPEG XL)"),
    (b"\0\0\0\x0cjP  ", "an image (JPEG 2000)"),
    (b"\xff\x4f\xff\x51", "an image (JPEG 2000)"),
    (b"BPG\xfb", "an image (BPG)"),
    (b"\0\0\x01\0", "an icon"),
    (b"\0\0\x02\0\x01", "a mouse pointer"),
    (b"\xd7\xcd\xc6\x9a", "a drawing (WMF)"),
    (b"\x01\0\x09\0\0\x03", "a drawing (WMF)"),
    ((40, b" EMF"), "a drawing (EMF)"),
    (b"\x0a\x05\x01\x08", "an image (PCX)"),
    (b"\x0a\x05\x01\x01", "an image (PCX)"),
    (b"SIMPLE  =", "an image from astronomy (FITS)"),
    (b"AC10", "a drawing (AutoCAD DWG)"),
    (b"P1\n", "an image (PBM)"), (b"P2\n", "an image (PGM)"), (b"P3\n", "an image (PPM)"),
    (b"P4\n", "an image (PBM)"), (b"P5\n", "an image (PGM)"), (b"P6\n", "an image (PPM)"),
    ((128, b"DICM"), "a medical image (DICOM)"),
    (b"v/1\x01", "an image (OpenEXR)"),
    (b"#?RADIANCE", "an image (Radiance HDR)"),
)  # fmt: skip
_SOUND_AND_VIDEO = _all(
    NO_TEXT,
    (b"ID3", "a sound file (MP3)"),
    (b"\xff\xfb", "a sound file (MP3)"), (b"\xff\xf3", "a sound file (MP3)"), (b"\xff\xf2", "a sound file (MP3)"),
    (b"\xff\xf1", "a sound file (AAC)"), (b"\xff\xf9", "a sound file (AAC)"),
    (b"fLaC", "a sound file (FLAC)"),
    (b"OggS", "a sound or video file (Ogg)"),
    (b"MThd", "music (MIDI)"),
    ((8, b"WAVE"), "a sound file (WAV)"),
    ((8, b"AVI "), "a video (AVI)"),
    ((8, b"AIFF"), "a sound file (AIFF)"), ((8, b"AIFC"), "a sound file (AIFF)"),
    (b".snd\0", "a sound file (AU)"),
    (b"#!AMR", "a sound file (AMR)"),
    (b"caff\0", "a sound file (CAF)"),
    ((4, b"ftypM4A"), "a sound file (M4A)"), ((4, b"ftypM4B"), "an audio book"),
    ((4, b"ftypqt"), "a video (QuickTime)"),
    ((4, b"ftyp"), "a video (MP4)"),
    ((4, b"moov"), "a video (QuickTime)"), ((4, b"mdat"), "a video (QuickTime)"), ((4, b"wide"), "a video (QuickTime)"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a sound or video file (Windows Media)"),
    (b"FLV\x01", "a video (Flash)"), (b"FWS", "an animation (Flash)"), (b"CWS", "an animation (Flash)"),
    (b"\0\0\x01\xba", "a video (MPEG)"), (b"\0\0\x01\xb3", "a video (MPEG)"),
    (b"G@", "a video (MPEG)"),
)  # fmt: skip
_ARCHIVES = _all(
    UNPACK,
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z), which is not opened"),
    (b"Rar!\x1a\x07", "an archive (RAR), which is not opened"),
    (b"MSCF\0", "an archive (CAB), which is not opened"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (zstd), which is not opened"),
    (b"\x04\x22\x4d\x18", "a compressed file (LZ4), which is not opened"),
    (b"\x5d\0\0", "a compressed file (LZMA), which is not opened"),
    (b"\x1f\x9d", "a compressed file (compress), which is not opened"),
    (b"LZIP", "a compressed file (lzip), which is not opened"),
    ((2, b"-lh"), "an archive (LHA), which is not opened"),
    (b"\x60\xea", "an archive (ARJ), which is not opened"),
    (b"xar!", "an archive (XAR), which is not opened"),
    (b"070701", "an archive (cpio), which is not opened"),
    (b"\xc7\x71", "an archive (cpio), which is not opened"),
    (b"!<arch>\n", "a program library or package"),
    (b"\xed\xab\xee\xdb", "a program package (RPM)"),
    ((32769, b"CD001"), "a disc image (ISO)"),
    (b"KDMV", "a disk of a virtual machine"), (b"QFI\xfb", "a disk of a virtual machine"),
    (b"conectix", "a disk of a virtual machine"), (b"vhdxfile", "a disk of a virtual machine"),
    (b"\x80\0\0\0\x20\x03\x12\x04", "an archive (tape dump)"),
    (b"\x78\x01", "a compressed file (zlib), which is not opened"),
    (b"\x78\x9c", "a compressed file (zlib), which is not opened"),
    (b"\x78\xda", "a compressed file (zlib), which is not opened"),
)  # fmt: skip
_PROGRAMS = _all(
    REMOVE,
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program (Java or macOS)"),
    (b"\xfe\xed\xfa\xce", "a program (macOS)"), (b"\xfe\xed\xfa\xcf", "a program (macOS)"),
    (b"\xce\xfa\xed\xfe", "a program (macOS)"), (b"\xcf\xfa\xed\xfe", "a program (macOS)"),
    (b"\0asm", "a program (WebAssembly)"),
    (b"dex\n", "a program (Android)"),
    (b"\x4c\0\0\0\x01\x14\x02\0", "a Windows shortcut"),
    (b"JAVA PROFILE", "a memory dump of a program"),
    (b"MDMP", "a memory dump of a program"),
    (b"\0\1\0\0\0", "a font"), (b"OTTO", "a font"), (b"ttcf", "a font"), (b"wOFF", "a font"), (b"wOF2", "a font"),
    (b"\x80\x01", "a font"),
    (b"\xfe\xed\xfe\xed", "a store of keys"),
    (b"DIRC", "a part of a Git repository"), (b"PACK\0\0\0\x02", "a part of a Git repository"),
    (b"GGUF", "a language model"),
    (b"\xd4\xc3\xb2\xa1", "recorded network traffic"), (b"\x0a\x0d\x0d\x0a", "recorded network traffic"),
    (b"bplist", "an Apple property list"),
)  # fmt: skip
_DATA = _all(
    "Export what should be found as CSV, XLSX or PDF.",
    (b"SQLite format 3\0", "a database (SQLite)"),
    ((4, b"Standard Jet DB"), "a database (Access)"), ((4, b"Standard ACE DB"), "a database (Access)"),
    ((12, b"\x61\x15\x06\0"), "a database (Berkeley DB)"), ((12, b"\x62\x31\x05\0"), "a database (Berkeley DB)"),
    (b"PAR1", "a table of data (Parquet)"),
    (b"ARROW1", "a table of data (Arrow)"),
    (b"ORC", "a table of data (ORC)"),
    (b"Obj\x01", "a table of data (Avro)"),
    (b"\x89HDF\r\n\x1a\n", "scientific data (HDF5)"),
    (b"\x0e\x03\x13\x01", "scientific data (HDF)"),
    (b"CDF\x01", "scientific data (NetCDF)"), (b"CDF\x02", "scientific data (NetCDF)"),
    (b"MATLAB 5.0 MAT-file", "scientific data (MATLAB)"),
    (b"\x93NUMPY", "scientific data (NumPy)"),
    (b"\xc2\xea\x81\x60", "a table of data (SAS)"), ((12, b"\xc2\xea\x81\x60"), "a table of data (SAS)"),
    (b"$FL2@(#)", "a table of data (SPSS)"),
    (b"<stata_dta>", "a table of data (Stata)"),
)  # fmt: skip
_ENCRYPTED = tuple(
    Signature(mark, what, DECRYPT, status="encrypted")
    for mark, what in (
        (b"-----BEGIN PGP MESSAGE-----\n", "it is encrypted (PGP)"),
        (b"-----BEGIN PGP MESSAGE-----\r", "it is encrypted (PGP)"),
        (b"age-encryption.org/v1\n", "it is encrypted (age)"),
        (b"Salted__", "it is encrypted (OpenSSL)"),
        (b"\x03\xd9\xa2\x9a", "a password store (KeePass)"),
        (b"\xc0\xb9\x07\x2e\x4f\x93\xf1\x46", "it is encrypted (AxCrypt)"),
        (b"LUKS\xba\xbe", "an encrypted disk"),
    )
)
# Texts by their looks, but nothing that a person reads.
_TEXTS = (
    *_all(
        CONVERT,
        (b"%!PS-AdobeFont\n", "a font"), (b"%!FontType", "a font"), (b"%!PS\n", "a PostScript file"),
        (b"%!PS\r", "a PostScript file"), (b"%!PS-Adobe-", "a PostScript file"),
        (b"ID;P", "a sheet in an old exchange format (SYLK)"),
        (b"ISO-10303-21;", "a drawing (STEP)"),
    ),
    *_all(
        REMOVE,
        (b"-----BEGIN CERTIFICATE", "a certificate"),
        (b"-----BEGIN PRIVATE KEY", "a private key"), (b"-----BEGIN ENCRYPTED PRIVATE KEY", "a private key"),
        (b"-----BEGIN RSA PRIVATE KEY", "a private key"), (b"-----BEGIN EC PRIVATE KEY", "a private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY", "a private key"), (b"-----BEGIN DSA PRIVATE KEY", "a private key"),
        (b"-----BEGIN PGP PRIVATE KEY", "a private key"), (b"-----BEGIN PGP PUBLIC KEY", "a public key"),
        (b"-----BEGIN PGP SIGNATURE", "a signature"), (b"PuTTY-User-Key-File-", "a private key"),
    ),
    *_all(
        "Put the file itself into the share.",
        (b"version https://git-lfs.github.com/spec/", "a placeholder for a file that is kept elsewhere (Git LFS)"),
    ),
)  # fmt: skip
_ALL = (*_ENCRYPTED, *_DOCUMENTS, *_IMAGES, *_SOUND_AND_VIDEO, *_ARCHIVES, *_PROGRAMS, *_DATA)


def find_text(head: bytes) -> Signature | None:
    """Return the signature that a text's first bytes bear, if any."""
    return next((each for each in _TEXTS if head.startswith(each.mark)), None)
