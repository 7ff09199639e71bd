"""The file of tokens: what is written can be read, what cannot be used is refused by line, and edits lose nothing."""

import hashlib
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from spanhouse_backend.access.token_file import MAX_FILE_BYTES, add_token, open_to_others, read_tokens, remove_token
from spanhouse_backend.access.tokens import WrongToken
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.roles import Role

HEX = "0123456789abcdef" * 4


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "tokens"


def written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def test_a_token_that_was_made_is_recognised(path):
    token = add_token(path, "--file", "grafana", [Role.SQL, Role.READ])
    holder = read_tokens(path, "--tokens").holder_of(token)
    assert (holder.name, holder.roles) == ("grafana", {Role.READ, Role.SQL})


def test_the_file_holds_the_sha256_and_nothing_else_of_a_token(path):
    token = add_token(path, "--file", "checkout", [Role.WRITE])
    assert path.read_text() == f"checkout write sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_two_tokens_are_alike(path):
    tokens = {add_token(path, "--file", f"n{index}", [Role.READ]) for index in range(50)}
    assert len({token.split("_", 2)[2] for token in tokens}) == 50
    assert all(len(token.split("_", 2)[2]) == 43 for token in tokens)


def test_a_token_is_good_for_the_name_it_was_made_with_only(path):
    """A line that is renamed by hand turns its token away: the name is part of what is hashed."""
    token = add_token(path, "--file", "old", [Role.READ])
    written(path, path.read_text().replace("old", "new"))
    with pytest.raises(WrongToken, match="the wrong secret for new"):
        read_tokens(path, "--tokens").holder_of(token.replace("old", "new"))


def test_comments_blank_lines_and_order_stay(path):
    written(path, f"# for dashboards\n\n  zoe read sha256:{HEX}  ")
    token = add_token(path, "--file", "adam", [Role.ADMIN])
    lines = path.read_text().splitlines()
    assert lines[:3] == ["# for dashboards", "", f"  zoe read sha256:{HEX}  "]
    assert list(read_tokens(path, "--tokens").holders) == ["zoe", "adam"]
    remove_token(path, "--file", "zoe")
    assert path.read_text().splitlines() == ["# for dashboards", "", lines[3]]
    assert read_tokens(path, "--tokens").holder_of(token).name == "adam"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sh_x_" + "A" * 43, "line 2: not NAME ROLE"),
        (f"x sh_x_{'A' * 43} sha256:{HEX}", "line 2: not NAME ROLE"),
        (f"x read,write sha256:{HEX} more", "line 2: not NAME ROLE"),
        (f"x read sha256:{HEX[:-1]}", "line 2: not NAME ROLE"),
        (f"x read md5:{HEX}", "line 2: not NAME ROLE"),
        (f"_x read sha256:{HEX}", "line 2: not NAME ROLE"),
        (f"x read,reed sha256:{HEX}", r"line 2 \(x\): not all of these are roles; there are write, read, sql, admin"),
        (f"x , sha256:{HEX}", r"line 2 \(x\): not all of these are roles"),
        (f"a read sha256:{HEX}", "line 2: a second token named a"),
    ],
)
def test_a_bad_line_is_named_and_not_repeated(path, line, complaint):
    """It may be a token that somebody put there as it is, and errors end in logs."""
    written(path, f"a read sha256:{HEX}\n{line}\n")
    with pytest.raises(SettingsError, match=f"^--tokens: {path}, {complaint}") as raised:
        read_tokens(path, "--tokens")
    assert "AAAA" not in str(raised.value)
    assert HEX[:-1] not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777])
def test_a_file_that_others_can_read_or_change_is_refused(path, mode):
    """Root's own may be read by a group, as secrets are mounted; nobody else's."""
    written(path, "").chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    with pytest.raises(SettingsError, match=f"others can read or change .* chmod 600 {path}"):
        read_tokens(path, "--tokens")


@pytest.mark.parametrize(
    ("mode", "owner", "is_open"),
    [(0o600, 1, False), (0o400, 1, False), (0o640, 1, True), (0o640, 0, False), (0o660, 0, True), (0o644, 0, True)],
)
def test_what_is_open_to_others(mode, owner, is_open):
    status = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    assert open_to_others(status) is is_open


def test_a_file_that_cannot_be_read_says_why(path, tmp_path):
    with pytest.raises(SettingsError, match=f"--tokens: there is no {path}; `spanhouse token add"):
        read_tokens(path, "--tokens")
    with pytest.raises(SettingsError, match=r"--tokens: cannot read .*directory"):
        read_tokens(tmp_path, "--tokens")
    path.touch(mode=0o600)
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        read_tokens(path, "--tokens")
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(SettingsError, match="it is no file of tokens"):
        read_tokens(path, "--tokens")


def test_a_name_is_taken_once(path):
    add_token(path, "--file", "a", [Role.READ])
    before = path.read_text()
    with pytest.raises(SettingsError, match="a second token named a"):
        add_token(path, "--file", "a", [Role.WRITE])
    with pytest.raises(SettingsError, match="has no token named 'b'"):
        remove_token(path, "--file", "b")
    assert path.read_text() == before
    assert [found.name for found in path.parent.iterdir()] == ["tokens"]


@pytest.mark.parametrize("name", ["", "a_b", "a b", "-a", "a\n", "ä", "a" * 64])
def test_a_name_that_cannot_be_one_is_refused(path, name):
    with pytest.raises(SettingsError, match="is not a name for a token"):
        add_token(path, "--file", name, [Role.READ])
    assert not path.exists()


def test_commands_at_once_lose_nobodys_token(path):
    """Each edit reads and writes under the same lock."""
    with ProcessPoolExecutor(4, get_context("spawn")) as processes:
        list(processes.map(_add, [(path, f"n{index}") for index in range(40)]))
    assert set(read_tokens(path, "--tokens").holders) == {f"n{index}" for index in range(40)}


def _add(where):
    path, name = where
    add_token(path, "--file", name, [Role.READ])


def test_the_owner_of_an_edited_file_stays_its_owner(path):
    """Else root's edit would take the file away from the server's own user."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    written(path, "# mine\n")
    os.chown(path, 12345, 54321)
    add_token(path, "--file", "a", [Role.READ])
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 54321, 0o600)


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    add_token(link, "--file", "a", [Role.READ])
    assert link.is_symlink()
    assert "a" in read_tokens(path, "--tokens").holders
