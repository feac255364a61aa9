"""XML from files of strangers as trees: nothing in it is looked up, and nothing it says about itself is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any

from lxml import etree

# No entities, no DTD, no network; and libxml2's bounds: 10 MB for one piece of text, and for how deep elements nest.
_SAFE = {
    "resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False, "remove_comments": True,
    "remove_pis": True,
}  # fmt: skip


def parsed(data: bytes, recover: bool = False) -> Any:
    """Return the root element. `recover`: make the best of what is broken; None where nothing can be made of it.

    Raises etree.XMLSyntaxError, ValueError or LookupError (an encoding that nobody knows) for what is no XML.
    """
    return etree.fromstring(data, etree.XMLParser(recover=recover, **_SAFE))


def walk(file: IO[bytes], tags: Iterable[str], events: tuple[str, ...] = ("end",)) -> Iterator[tuple[str, Any]]:
    """Yield events and elements of these names, in any namespace, while they are read. Raises etree.XMLSyntaxError,
    and MemoryError where memory ran out.

    Who has done with an element calls `forget`, or the whole tree stays in memory.
    """
    try:
        yield from etree.iterparse(file, events=events, tag=tuple(f"{{*}}{tag}" for tag in tags), **_SAFE)
    except etree.XMLSyntaxError as error:
        if "unknown error" in str(error):
            # What lxml says when its C library got no more memory.
            raise MemoryError from error
        raise


def forget(element: Any) -> None:
    """Remove what stands in an element, and everything before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def local(element: Any) -> str:
    """Return an element's name without its namespace ("" for what is no element): formats change those."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str, default: str = "") -> str:
    """Return an attribute by its name without namespace."""
    value = element.get(name)
    if value is None:
        value = next((v for k, v in element.items() if k.rpartition("}")[2] == name), default)
    return str(value)
