from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import EVERYONE, principals
from ingest.files import BadFile, open_share
from ingest.readers import RULES, Access, Names, both, granted, parse_rules
from ingest.walk import Found, Looks, walk
from tests.ingest.conftest import Ingest

DEFAULT = ("group:staff",)


def found(share: Path, access: Access | None = None) -> dict[str, Found]:
    descriptor = open_share(str(share))
    try:
        return {each.path: each for each in walk(descriptor, access or Access(DEFAULT))}
    finally:
        os.close(descriptor)


def readers(share: Path, access: Access | None = None) -> dict[str, tuple[str, ...]]:
    return {path: each.readers for path, each in found(share, access).items()}


def write(share: Path, **files: str) -> None:
    """Write files; `_` in a name is a folder's end."""
    for name, text in files.items():
        file = share / (name.replace("_", "/") + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def rule(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RULES).write_text(text)


def test_the_nearest_rule_decides(share: Path) -> None:
    """A rule holds for its folder and everything below, until another one stands nearer."""
    write(share, a="x", in_b="x", in_deep_c="x", other_d="x")
    rule(share, 'readers = ["group:all"]')
    rule(share / "in", 'readers = ["user:ada", "group:finance"]')
    assert readers(share) == {
        "a.txt": ("group:all",),
        "in/b.txt": ("group:finance", "user:ada"),
        "in/deep/c.txt": ("group:finance", "user:ada"),
        "other/d.txt": ("group:all",),
    }


def test_an_empty_list_is_nobody(share: Path) -> None:
    """Nobody reads what lies below a rule with no readers."""
    write(share, in_a="x")
    rule(share / "in", "readers = []")
    assert {"in/a.txt": ()} == readers(share)


def test_patterns_decide_by_name_here_and_below(share: Path) -> None:
    """A pattern that matches goes before the readers; of several, only who is in all lists; case does not count."""
    write(share, salaries="x", in_Salaries2="x", in_board="x", a="x")
    text = 'readers = ["group:all"]\n[files]\n"salaries*" = ["group:board", "user:ada"]\n"*2.txt" = ["user:ada"]'
    rule(share, text)
    assert readers(share) == {
        "a.txt": ("group:all",),
        "in/Salaries2.txt": ("user:ada",),
        "in/board.txt": ("group:all",),
        "salaries.txt": ("group:board", "user:ada"),
    }


def test_where_the_nearest_rule_says_nothing_the_next_does(share: Path) -> None:
    """A rule file of patterns alone leaves other files to the folder above, and those to the configuration."""
    write(share, in_a="x", in_b="x", c="x")
    rule(share / "in", '[files]\n"a*" = ["user:ada"]')
    assert {"c.txt": DEFAULT, "in/a.txt": ("user:ada",), "in/b.txt": DEFAULT} == readers(share)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "readers = [",
        'readers = "group:all"',
        'readers = ["everyone"]',
        'readers = ["user:"]',
        'readers = ["user: ada"]',
        'readers = ["user:a\\nb"]',
        f'readers = ["user:{"a" * 129}"]',
        "readers = [1]",
        'readers = []\nowner = "ada"',
        'files = ["a"]',
        '[files]\n"a/b" = []',
        '[files]\n"a" = "user:ada"',
        "#" * 70_000,
        "readers = " + "[" * 5000,
    ],
)
def test_a_broken_rule_closes_everything_below(share: Path, text: str) -> None:
    """Nobody reads what lies below, not even by another rule there, and the rule file is a row with a hint."""
    write(share, a="x", in_b="x", in_deep_c="x")
    rule(share / "in", text)
    rule(share / "in" / "deep", 'readers = ["user:ada"]')
    seen = found(share)
    problem = seen.pop(f"in/{RULES}").problem
    assert problem is not None
    assert ("damaged", True) == (problem.status, bool(problem.hint))
    assert {"a.txt": DEFAULT, "in/b.txt": (), "in/deep/c.txt": ()} == {
        path: each.readers for path, each in seen.items()
    }


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_is_no_rule(share: Path, tmp_path: Path, kind: str) -> None:
    """A link, a folder or a pipe of that name closes the folder, and is never followed or waited for."""
    write(share, a="x")
    rule(tmp_path / "elsewhere", 'readers = ["group:all"]')
    if kind == "link":
        (share / RULES).symlink_to(tmp_path / "elsewhere" / RULES)
    elif kind == "folder":
        write(share / RULES, inside="x")
    else:
        os.mkfifo(share / RULES)
    seen = found(share)
    assert {"a.txt": (), RULES: ()} == {path: each.readers for path, each in seen.items()}
    assert "damaged" == seen[RULES].problem.status


def test_a_rule_that_stands_is_no_document(share: Path) -> None:
    """A rule file in order has no row."""
    write(share, a="x")
    rule(share, "readers = []")
    assert {"a.txt"} == set(found(share))


def test_names_of_principals_are_bounded() -> None:
    """A user's or group's name may have 128 characters, and what it may not is said."""
    assert (f"user:{'a' * 128}",) == parse_rules(f'readers = ["user:{"a" * 128}"]'.encode()).readers
    with pytest.raises(BadFile, match="neither"):
        parse_rules(b'readers = ["group:"]')


def test_looking_at_one_path_says_what_the_walk_says(share: Path) -> None:
    """A single look gives the same readers as the walk, for files and for broken rules."""
    write(share, a="x", in_b="x", in_deep_c="x")
    rule(share / "in", '[files]\n"c*" = ["user:ada"]')
    rule(share / "in" / "deep", "?")
    descriptor = open_share(str(share))
    access = Access(DEFAULT, posix=True)
    for path, each in found(share, access).items():
        with Looks(descriptor, access) as looks:
            at = looks.at(path)
        assert isinstance(at, Found)
        assert (each.path, each.stamp, each.readers) == (at.path, at.stamp, at.readers)
    os.close(descriptor)


def test_new_readers_cost_neither_reading_nor_embedding(quick: Ingest) -> None:
    """A rule file that appears, changes, breaks and goes again changes readers, members' too, and nothing else."""
    (quick.share / "in").mkdir()
    (quick.share / "in" / "a.txt").write_text("text")
    quick()
    for text, expected in (('readers = ["user:ada"]', ("user:ada",)), ("readers = []", ()), ("?", ())):
        rule(quick.share / "in", text)
        assert 0 == quick().embedded
        assert expected == quick.api.documents["in/a.txt"].readers
    assert "damaged" == quick.api.documents[f"in/{RULES}"].status
    (quick.share / "in" / RULES).unlink()
    quick()
    assert {"in/a.txt"} == set(quick.api.documents)
    assert ("group:everyone",) == quick.api.documents["in/a.txt"].readers
    assert ["in/a.txt"] == quick.worker.parsed


USERS = {1: "ada", 2: "bob", 3: "cyd"}
GROUPS = {11: "finance", 12: "board"}
NAMES = Names(USERS.get, GROUPS.get)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o644, {EVERYONE}),
        (0o640, {"user:ada", "group:finance"}),
        (0o600, {"user:ada"}),
        (0o604, {"user:ada"}),
        (0o040, set()),
        (0o047, set()),
        (0o004, set()),
        (0o000, set()),
    ],
)
def test_a_class_is_named_only_if_those_before_it_may_read(mode: int, expected: set[str]) -> None:
    """Others may be in the group, and the group may hold the owner: who could be denied is not named."""
    assert expected == granted(info(mode, 1, 11), None, 4, NAMES)


def test_unknown_owners_are_nobody() -> None:
    """A number without a name becomes no principal."""
    assert set() == granted(info(0o640, 99, 99), None, 4, NAMES)
    assert {"group:finance"} == granted(info(0o640, 99, 11), None, 4, NAMES)


def test_a_group_of_the_machine_called_everyone_is_not_everyone() -> None:
    """The name that stands for all users is not given away by a group of that name."""
    assert set() == granted(info(0o040, 99, 5), None, 4, Names(USERS.get, {5: "everyone"}.get))
    assert {"user:ada"} == granted(info(0o640, 1, 5), None, 4, Names(USERS.get, {5: "everyone"}.get))


def info(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


@dataclass(frozen=True)
class Node:
    """A file or folder: what decides about it."""

    mode: int
    uid: int
    gid: int
    acl: tuple[tuple[int, int, int], ...] | None


def may(node: Node, uid: int, gids: frozenset[int], wanted: int) -> bool:
    """Tell what the kernel does (acl(5), "Access check algorithm"), written down step by step."""
    acl = node.acl or ((1, node.mode >> 6 & 7, 0), (4, node.mode >> 3 & 7, 0), (32, node.mode & 7, 0))
    mask = next((bits for tag, bits, _ in acl if tag == 16), 7)
    if uid == node.uid:
        return any(tag == 1 and bits & wanted for tag, bits, _ in acl)
    for tag, bits, ident in acl:
        if tag == 2 and ident == uid:
            return bool(bits & mask & wanted)
    own = [bits for tag, bits, ident in acl if (tag == 4 and node.gid in gids) or (tag == 8 and ident in gids)]
    if own:
        return any(bits & mask & wanted for bits in own)
    return any(tag == 32 and bits & wanted for tag, bits, _ in acl)


bits = st.integers(0, 7)
lists = st.one_of(
    st.none(),
    st.builds(
        lambda owner, users, group, groups, mask, other: (
            (1, owner, 0),
            *((2, each, uid) for uid, each in users.items()),
            (4, group, 0),
            *((8, each, gid) for gid, each in groups.items()),
            (16, mask, 0),
            (32, other, 0),
        ),
        bits,
        st.dictionaries(st.sampled_from([1, 2, 3, 98]), bits, max_size=3),
        bits,
        st.dictionaries(st.sampled_from([11, 12, 98]), bits, max_size=3),
        bits,
        bits,
    ),
)
nodes = st.builds(Node, st.integers(0, 0o777), st.sampled_from([0, 1, 2, 99]), st.sampled_from([0, 11, 12, 99]), lists)


@given(
    st.lists(nodes, min_size=1, max_size=4),
    st.dictionaries(st.sampled_from([1, 2, 3]), st.frozensets(st.sampled_from([11, 12])), min_size=3),
)
def test_nobody_is_named_who_could_not_read(path: list[Node], users: dict[int, frozenset[int]]) -> None:
    """Whatever owners, modes and lists a path has: who is admitted by its principals gets through all folders to it."""
    *folders, file = path
    named = granted(info(file.mode, file.uid, file.gid), file.acl, 4, NAMES)
    for folder in folders:
        named = both(named, granted(info(folder.mode, folder.uid, folder.gid), folder.acl, 1, NAMES))
    for uid, gids in users.items():
        admitted = principals(USERS[uid], frozenset(GROUPS[gid] for gid in gids)) & named
        could = may(file, uid, gids, 4) and all(may(folder, uid, gids, 1) for folder in folders)
        assert could or not admitted


def test_owner_group_and_mode_decide_where_no_rule_speaks(share: Path) -> None:
    """With `access.posix`, the rights of the file and of all folders above count; a rule goes before them."""
    write(share, open_a="x", shut_b="x", ruled_c="x")
    (share / "shut").chmod(0o700)
    (share / "ruled" / "c.txt").chmod(0)
    rule(share / "ruled", 'readers = ["user:ada"]')
    owner = share.stat()
    access = Access(DEFAULT, posix=True, names=Names({owner.st_uid: "me"}.get, lambda gid: None))
    share.chmod(0o755)
    assert {"open/a.txt": (EVERYONE,), "ruled/c.txt": ("user:ada",), "shut/b.txt": ("user:me",)} == readers(
        share, access
    )
    share.chmod(0o700)
    assert ("user:me",) == readers(share, access)["open/a.txt"]
    (share / "open" / "a.txt").chmod(0)
    assert () == readers(share, access)["open/a.txt"]


@contextmanager
def access_list(file: Path, *entries: tuple[int, int, int]) -> Iterator[None]:
    """Give a file an access control list, or skip the test where the file system has none."""
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", raw)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")
    yield


def test_an_access_control_list_is_read(share: Path) -> None:
    """Named users and groups count, within the mask; a denial narrows what follows it."""
    write(share, a="x")
    share.chmod(0o755)
    none = 0xFFFFFFFF
    entries = ((1, 6, none), (2, 4, 4001), (4, 4, none), (8, 4, 4002), (16, 4, none), (32, 0, none))
    me = (share / "a.txt").stat()
    names = Names({me.st_uid: "me", 4001: "ada"}.get, {4002: "finance"}.get)
    with access_list(share / "a.txt", *entries):
        expected = ("group:finance", "user:ada", "user:me")
        assert {"a.txt": expected} == readers(share, Access(DEFAULT, posix=True, names=names))
    with access_list(share / "a.txt", *entries[:4], (16, 0, none), (32, 4, none)):
        assert {"a.txt": ("user:me",)} == readers(share, Access(DEFAULT, posix=True, names=names))
