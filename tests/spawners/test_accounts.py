"""Accounts: who works as whom, and that nobody unsafe, unknown or privileged ever does."""

import pwd
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spawners.accounts import Account, AccountError, Accounts, Leases, unix_account

# `nobody` is on every Debian, has a uid above 1000 and no privileges.
NOBODY = pwd.getpwnam("nobody")


def refusal(accounts: Accounts, user: str) -> str:
    """The sentence with which a user is refused."""
    with pytest.raises(AccountError) as raised:
        accounts.resolve(user)
    return str(raised.value)


def test_identity_gives_the_unix_user_of_the_same_name() -> None:
    assert Accounts.identity().resolve("nobody") == Account(
        name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid, home=NOBODY.pw_dir
    )


def test_a_table_maps_any_name_that_is_in_it() -> None:
    accounts = Accounts.table({"ada@example.org": "nobody"})

    assert accounts.resolve("ada@example.org").name == "nobody"
    assert refusal(accounts, "bob@example.org").startswith("'bob@example.org' is not in the table of accounts.")


def test_a_table_is_settled_once() -> None:
    table = {"ada": "nobody"}
    accounts = Accounts.table(table)
    table["eve"] = "nobody"

    assert "not in the table" in refusal(accounts, "eve")


@pytest.mark.parametrize("make", [Accounts.identity, lambda: Accounts.table({"u": "root"})], ids=["identity", "table"])
def test_root_is_refused(make: Callable[[], Accounts]) -> None:
    user = "root" if make == Accounts.identity else "u"

    assert refusal(make(), user) == "'root' is a system user (uid 0); jobs run only as people, from uid 1000."


@pytest.mark.parametrize("user", ["daemon", "bin", "www-data"])
def test_system_users_are_refused(user: str) -> None:
    assert "is a system user" in refusal(Accounts.identity(), user)


def test_an_unknown_user_is_refused() -> None:
    assert refusal(Accounts.identity(), "n0-such-user") == (
        "There is no Unix user 'n0-such-user' on this system. Ask the site to create it."
    )


@pytest.mark.parametrize("name", ["", "-R", "Root", "0", "1000", "nobody\n", "no body", "nobody;id", "a" * 33, "+:x"])
def test_unsafe_names_are_refused_before_anything_looks_at_them(name: str) -> None:
    with pytest.raises(AccountError):
        unix_account(name)
    with pytest.raises(AccountError):
        Accounts.identity().resolve(name)


def test_no_hostile_name_passes(hostile: str) -> None:
    for accounts in (Accounts.identity(), Accounts.table({"a": "nobody"}), Accounts.table({hostile: hostile})):
        message = refusal(accounts, hostile)
        assert message.isascii()
        assert len(message) < 300


def test_the_first_to_come_gets_the_first_account_and_keeps_it(tmp_path: Path) -> None:
    leases = Leases(("trainee01", "trainee02"), tmp_path / "leases")

    assert [leases.lease(user) for user in ("ada", "bob", "ada")] == ["trainee01", "trainee02", "trainee01"]
    assert Leases(("trainee01", "trainee02"), tmp_path / "leases").lease("bob") == "trainee02"


def test_a_full_pool_says_so(tmp_path: Path) -> None:
    accounts = Accounts.pool(("nobody",), tmp_path / "leases")

    assert accounts.resolve("ada").name == "nobody"
    assert refusal(accounts, "bob") == "All 1 training accounts are taken. Ask the organiser for more."


def test_an_account_given_back_is_leased_again(tmp_path: Path) -> None:
    leases = Leases(("trainee01",), tmp_path / "leases")
    leases.lease("ada")
    leases.release("ada")

    assert leases.lease("bob") == "trainee01"


def test_an_account_that_left_the_pool_is_replaced(tmp_path: Path) -> None:
    Leases(("trainee01",), tmp_path / "leases").lease("ada")

    assert Leases(("trainee02",), tmp_path / "leases").lease("ada") == "trainee02"


def test_many_at_once_never_share_an_account(tmp_path: Path) -> None:
    names = [f"trainee{number:02}" for number in range(40)]
    pools = [Leases(names, tmp_path / "leases") for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        leased = list(threads.map(lambda number: pools[number % 4].lease(f"user{number}"), range(40)))

    assert sorted(leased) == names


def test_the_pool_is_private_and_survives_a_failure(tmp_path: Path) -> None:
    leases = Leases((), tmp_path / "leases")
    with pytest.raises(AccountError):
        leases.lease("ada")

    assert (tmp_path / "leases").stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(tmp_path / "leases").execute("SELECT count(*) FROM leases").fetchone() == (0,)


def test_a_pool_of_system_users_gives_none_of_them(tmp_path: Path) -> None:
    assert "is a system user" in refusal(Accounts.pool(("daemon",), tmp_path / "leases"), "ada")
