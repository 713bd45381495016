"""The pages of accounts: who gets in, what they may do, and what a hostile page, name, link or form achieves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from uuid import uuid4

import pytest

from storage.records import LOCAL
from tests.accounts_house import BASE, OURS, PASSWORD, AccountHouse, Browser, account_house_in, house

__all__ = ["house"]

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
NEW = "another good password"


@pytest.fixture
def admin(house: AccountHouse) -> Browser:
    return house.person(f"admin-{uuid4().hex[:6]}", "admin")


@pytest.fixture
def bob(house: AccountHouse) -> Browser:
    return house.person(f"bob-{uuid4().hex[:6]}")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[AccountHouse]:
    """Accounts, and nobody there yet."""
    with account_house_in(tmp_path) as made:
        yield made


def link_on(page: str) -> str:
    found = re.search(rf"{BASE}(/join/[\w-]+)", page)
    assert found, page
    return found[1]


# -- getting in ------------------------------------------------------------------------------


def test_the_printed_link_makes_the_admin_once(empty: AccountHouse) -> None:
    link = f"/join/{empty.entrance.first_admin()}"
    browser = empty.browser()
    assert browser.get("/").headers["location"] == "/login"
    assert "You will be an admin here" in browser.get(link).text
    weak = browser.post(link, name="ann", password="short", again="short")
    assert weak.status_code == 400 and "12 to 256 characters" in weak.text
    differ = browser.post(link, name="ann", password=PASSWORD, again=NEW)
    assert differ.status_code == 400 and "differ" in differ.text
    joined = browser.post(link, name="Ann", password=PASSWORD, again=PASSWORD)
    assert (joined.status_code, joined.headers["location"]) == (303, "/")
    assert browser.get("/gradio_api/user").json() == "ann"
    assert browser.get("/people").status_code == 200
    late = empty.browser()
    assert late.get(link).status_code == 404
    assert late.post(link, name="eve", password=PASSWORD, again=PASSWORD).status_code == 404
    assert late.get("/account").headers["location"] == "/login?next=/account"


def test_there_is_no_default_password(house: AccountHouse) -> None:
    for name in ("admin", "root", "me", "operator", ""):
        for password in ("admin", "password", "", "changeme", "nobody's"):
            assert house.browser(f"198.51.100.{len(password)}").log_in(name, password).status_code in (401, 429)


def test_a_login_brings_a_cookie_that_scripts_and_other_sites_cannot_use(house: AccountHouse, bob: Browser) -> None:
    browser = house.browser()
    cookie = browser.log_in(bob.user).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    shown = browser.get("/account")
    assert browser.token not in shown.text  # the form's token is another one
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"


def test_behind_tls_the_cookie_is_bound_to_host_and_tls(tmp_path: Path) -> None:
    with account_house_in(tmp_path, public_url="https://docs.example.org") as house:
        browser = house.browser()
        link = house.entrance.first_admin()
        ours = {"Origin": "https://docs.example.org", "Host": "docs.example.org"}
        made = browser.post(f"/join/{link}", ours, name="ann", password=PASSWORD, again=PASSWORD)
        cookie = made.headers["set-cookie"]
        assert cookie.startswith("__Host-unabridged_login=") and "Secure" in cookie
        assert browser.get("/login", Host="evil.example").status_code == 421


def test_a_planted_session_is_worth_nothing_after_the_login(house: AccountHouse, bob: Browser) -> None:
    eve = house.person(f"eve-{uuid4().hex[:6]}")
    victim = house.browser()
    for planted in ("chosen-by-eve", eve.token):
        victim.plant(planted)
        assert victim.log_in(bob.user).status_code == 303
        assert victim.token != planted
        victim.client.cookies.clear()
    assert eve.get("/account").status_code == 303  # what was planted has ended


def test_guessing_is_slowed_and_says_when_to_come_back(house: AccountHouse, bob: Browser) -> None:
    guesser = house.browser("203.0.113.9")
    statuses = [guesser.log_in(bob.user, f"guess number {number}").status_code for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    refused = guesser.log_in(bob.user)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 300
    assert house.browser("203.0.113.10").log_in(bob.user).status_code == 303


def test_the_way_back_after_a_login_stays_on_this_server(house: AccountHouse, bob: Browser) -> None:
    for target in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%0d%0aSet-Cookie:x=y",
        "javascript:alert(1)",
    ):
        response = house.browser().post("/login", name=bob.user, password=PASSWORD, next=target)
        assert response.headers["location"] == "/"
    assert (
        house.browser().post("/login", name=bob.user, password=PASSWORD, next="/account").headers["location"]
        == "/account"
    )


def test_whoever_logs_out_is_out(bob: Browser) -> None:
    stolen = bob.token
    response = bob.fill("/account", "/logout")
    assert response.headers["location"] == "/login" and "storage" in response.headers["clear-site-data"]
    bob.plant(stolen)
    assert bob.get("/account").status_code == 303


# -- forms of others --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.docs.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {},
    ],
)
def test_forms_and_calls_of_other_pages_do_nothing(
    house: AccountHouse, admin: Browser, headers: dict[str, str]
) -> None:
    for path in (
        "/account/keys",
        "/people/invite",
        "/logout",
        "/people/role",
        "/login",
        "/gradio_api/queue/join",
        "/v1/files",
    ):
        assert admin.post(path, headers, name="x", role="admin", user=admin.user).status_code == 403, path
    assert admin.get("/account").status_code == 200
    assert house.service.store.accounts.keys(admin.user) == []


def test_a_form_needs_the_token_of_this_very_login(house: AccountHouse, bob: Browser) -> None:
    eve = house.person(f"eve-{uuid4().hex[:6]}")
    theirs = re.search(r'name="token" value="(\w+)"', eve.get("/account").text)
    assert theirs
    for token in ("", "0" * 64, theirs[1], "é"):
        assert bob.post("/account/keys", token=token, name="k").status_code == 403
    assert bob.client.post("/account/keys", json={"name": "k"}, headers=OURS).status_code == 415
    assert bob.fill("/account", "/account/keys", name="k").status_code == 200


def test_a_link_from_elsewhere_opens_the_page_but_scripts_elsewhere_read_nothing(bob: Browser) -> None:
    from_elsewhere = {"Sec-Fetch-Site": "cross-site"}
    followed = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert bob.get("/", **from_elsewhere, **followed).status_code == 200
    framed = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    for headers in ({}, {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, framed):
        assert bob.get("/config", **from_elsewhere, **headers).status_code == 403


# -- an account -------------------------------------------------------------------------------


def test_keys_are_shown_once_and_end_when_revoked(house: AccountHouse, bob: Browser) -> None:
    made = bob.fill("/account", "/account/keys", name=EVIL, days="30")
    key = re.search(r"un-[\w-]{40,}", made.text)
    assert key and key[0] not in bob.get("/account").text
    assert EVIL not in made.text and escape(EVIL, quote=False).split("&")[0] in made.text
    call = house.browser()
    assert call.get("/v1/files", Authorization=f"Bearer {key[0]}").status_code == 200
    known = house.service.store.accounts.keys(bob.user)[0]
    eve = house.person(f"eve-{uuid4().hex[:6]}")
    assert eve.fill("/account", "/account/keys/revoke", id=known.id).status_code == 404
    assert call.get("/v1/files", Authorization=f"Bearer {key[0]}").status_code == 200
    assert bob.fill("/account", "/account/keys/revoke", id=known.id).status_code == 303
    assert call.get("/v1/files", Authorization=f"Bearer {key[0]}").status_code == 401
    for days in ("0", "-1", "x", "99999", "²"):
        assert bob.fill("/account", "/account/keys", days=days).status_code == 400


def test_a_login_reads_the_api_as_its_user(bob: Browser) -> None:
    assert bob.get("/v1/files").json()["data"] == []
    assert bob.get("/metrics").status_code == 403


def test_a_changed_password_and_ended_logins(house: AccountHouse, bob: Browser) -> None:
    other = house.browser()
    other.log_in(bob.user)
    assert bob.fill("/account", "/account/password", old="wrong", password=NEW, again=NEW).status_code == 401
    assert bob.fill("/account", "/account/password", old=PASSWORD, password=NEW, again=NEW).status_code == 200
    assert (bob.get("/account").status_code, other.get("/account").status_code) == (200, 303)
    other.log_in(bob.user, NEW)
    mine = house.entrance.visit(bob.token)
    assert mine
    eve = house.person(f"eve-{uuid4().hex[:6]}")
    assert eve.fill("/account", "/account/logins/end", id=mine.login.id).status_code == 404
    assert bob.fill("/account", "/account/logins/end", all="1").status_code == 303
    assert (bob.get("/account").status_code, other.get("/account").status_code) == (200, 303)


# -- people -----------------------------------------------------------------------------------


def test_an_admin_invites_and_the_roles_hold_at_once(house: AccountHouse, admin: Browser) -> None:
    name = f"kim-{uuid4().hex[:6]}"
    link = link_on(admin.fill("/people", "/people/invite", role="member").text)
    kim = house.browser()
    assert kim.post(link, name=name, password=PASSWORD, again=PASSWORD).status_code == 303
    refused = kim.get("/people")
    assert refused.status_code == 403 and "<h1>This was refused</h1>" in refused.text and "Only admins" in refused.text
    assert kim.post("/people/invite", token="x", role="admin").status_code == 403
    assert admin.fill("/people", "/people/role", user=name, role="admin").status_code == 303
    assert kim.get("/people").status_code == 200
    for role in ("owner", ""):
        assert admin.fill("/people", "/people/role", user=name, role=role).status_code == 400
    assert admin.fill("/people", "/people/role", user=admin.user, role="member").status_code == 409
    assert admin.fill("/people", "/people/close", user=name).status_code == 303
    assert kim.get("/people").status_code == 303
    assert house.browser().log_in(name).status_code == 403
    assert admin.fill("/people", "/people/open", user=name).status_code == 303
    assert house.browser().log_in(name).status_code == 303
    reset = link_on(admin.fill("/people", "/people/password", user=name).text)
    assert house.browser().post(reset, name="ignored", password=NEW, again=NEW).status_code == 303
    assert house.browser().log_in(name, NEW).status_code == 303


def test_members_and_agents_do_nothing_of_an_admins(house: AccountHouse) -> None:
    for role in ("member", "agent"):
        person = house.person(f"{role}-{uuid4().hex[:6]}", role)
        for deed in ("invite", "password", "role", "close", "open", "withdraw", "organisation"):
            sent = {"user": person.user, "role": "admin", "name": "x", "id": "x"}
            assert person.fill("/account", f"/people/{deed}", **sent).status_code == 403, deed
        assert house.service.store.accounts.user(person.user).role == role


def test_organisations_see_nothing_of_each_other(house: AccountHouse, admin: Browser) -> None:
    name = f"Beta {uuid4().hex[:6]}"
    assert admin.fill("/people", "/people/organisation", name=f"{name} {EVIL}").status_code == 303
    shown = admin.get("/people").text
    assert EVIL not in shown and name in shown
    beta = next(each for each in house.service.store.accounts.organisations(admin.user) if name in each.name)
    link = link_on(admin.fill("/people", "/people/invite", role="admin", organisation=beta.id).text)
    eve, user = house.browser(), f"eve-{uuid4().hex[:6]}"
    assert eve.post(link, name=user, password=PASSWORD, again=PASSWORD).status_code == 303
    assert admin.user not in eve.get("/people").text and "Organisations" not in eve.get("/people").text
    for deed, sent in (
        ("password", {"user": admin.user}),
        ("role", {"user": admin.user, "role": "member"}),
        ("close", {"user": admin.user}),
        ("invite", {"role": "admin", "organisation": LOCAL}),
        ("organisation", {"name": "Gamma"}),
    ):
        assert eve.fill("/people", f"/people/{deed}", **sent).status_code in (403, 404), deed
    assert admin.fill("/people", "/people/password", user=user).status_code == 404  # nor does ours reach into theirs
    waiting = link_on(admin.fill("/people", "/people/invite", role="member").text)
    pending = house.service.store.invitations.pending(admin.user, house.entrance.visit(admin.token).login.seen_at)  # type: ignore[union-attr]
    assert eve.fill("/people", "/people/withdraw", id=pending[-1].id).status_code == 404
    assert admin.fill("/people", "/people/withdraw", id=pending[-1].id).status_code == 303
    assert house.browser().get(waiting).status_code == 404


@pytest.mark.parametrize("path", ["/login", "/join/nothing"])
def test_what_is_typed_is_escaped(house: AccountHouse, path: str) -> None:
    shown = house.browser("203.0.113.77").post(path, name=EVIL, password=EVIL, again=EVIL, next=EVIL).text
    assert "<img" not in shown and "<script" not in shown
    shown = house.browser().get(f"/login?next={EVIL}").text
    assert "<img" not in shown and "<script" not in shown


def test_names_that_are_markup_or_paths_are_no_names(house: AccountHouse, admin: Browser) -> None:
    link = link_on(admin.fill("/people", "/people/invite", role="member").text)
    for name in (EVIL, "../../etc/passwd", "a\r\nSet-Cookie: x=y", "аnn", ""):
        response = house.browser().post(link, name=name, password=PASSWORD, again=PASSWORD)
        assert response.status_code == 400 and "<img" not in response.text and "<script" not in response.text
