"""Login by an OpenID issuer: who comes in, as whom, and what a forged answer achieves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from assistant.errors import AssistantError
from assistant.web.accounts.sso import Issuer, SsoError, chosen_name
from assistant.web.api.options import SsoOptions
from storage import NotFoundError
from storage.records import LOCAL
from storage.records_people import OPERATOR
from tests.accounts_house import BASE, AccountHouse, Browser, account_house_in
from tests.fake_issuer import CLIENT, SECRET, FakeIssuer, fake_issuer


@dataclass
class Case:
    issuer: FakeIssuer
    house: AccountHouse

    def go(self, browser: Browser, link: str = "") -> httpx.Response:
        """Through the issuer and back."""
        started = browser.get(f"/sso/start?link={link}" if link else "/sso/start")
        assert started.status_code == 302, started.text
        return browser.get(self.issuer.consent(started.headers["location"]))

    def link(self, role: str = "agent") -> str:
        return self.house.entrance.invite(OPERATOR, organisation=LOCAL, role=role)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with fake_issuer() as issuer:
        sso = SsoOptions(issuer.address, CLIENT, SECRET, name="Example ID")
        with account_house_in(tmp_path_factory.mktemp("sso"), public_url=BASE, sso=sso) as house:
            yield Case(issuer, house)


@pytest.fixture
def case(running: Case) -> Case:
    running.issuer.alter, running.issuer.forged, running.issuer.metadata = {}, None, {}
    return running


def test_whom_nobody_invited_stays_out_until_a_link_says_otherwise(case: Case) -> None:
    case.issuer.claims = {"sub": "kim", "email": "Kim@example.org", "email_verified": True}
    browser = case.house.browser()
    assert "Log in with Example ID" in browser.get("/login").text
    refused = case.go(browser)
    assert refused.status_code == 404 and "ask an admin" in refused.text and not browser.token
    came = case.go(browser, case.link())
    assert (came.status_code, came.headers["location"]) == (303, "/")
    assert browser.get("/gradio_api/user").json() == "kim@example.org"
    assert case.house.service.store.accounts.user("kim@example.org").role == "agent"
    case.issuer.claims = {"sub": "kim", "email": "renamed@example.org", "email_verified": True}
    again = case.house.browser()
    assert case.go(again).status_code == 303  # known by the subject from now on
    assert again.get("/gradio_api/user").json() == "kim@example.org"
    assert 'name="old"' not in again.get("/account").text  # there is no password to change


def test_an_issuers_name_is_no_proof_of_being_somebody_here(case: Case) -> None:
    case.house.person("ann@example.org", "admin")
    case.issuer.claims = {"sub": "eve", "email": "ann@example.org", "email_verified": True}
    taken = case.go(case.house.browser(), case.link())
    assert taken.status_code == 409 and "is taken" in taken.text
    with pytest.raises(NotFoundError):
        case.house.entrance.known_as(case.issuer.address, "eve")


@pytest.mark.parametrize(
    "alter",
    [
        {"nonce": "another"},
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
        {"sub": "x" * 300},
        {"sub": 7},
    ],
    ids=lambda alter: next(iter(alter)),
)
def test_an_id_token_that_is_not_for_this_login_is_refused(case: Case, alter: dict[str, Any]) -> None:
    case.issuer.alter = alter
    browser = case.house.browser()
    refused = case.go(browser, case.link())
    assert refused.status_code == 400 and not browser.token, refused.text


def test_a_forged_signature_is_refused(case: Case) -> None:
    case.issuer.forged = RSAKey.generate_key(2048, {"kid": "1"})
    browser = case.house.browser()
    assert case.go(browser, case.link()).status_code == 400 and not browser.token


def test_an_answer_belongs_to_the_browser_and_the_login_that_asked(case: Case) -> None:
    case.issuer.claims = {"sub": "vic", "email": "vic@example.org", "email_verified": True}
    started = case.house.browser().get(f"/sso/start?link={case.link()}").headers["location"]
    back = case.issuer.consent(started)
    victim = case.house.browser()  # somebody is made to follow the link of another's login
    assert victim.get(back).status_code == 400 and not victim.token
    own = victim.get("/sso/start")
    assert own.status_code == 302
    assert victim.get(back).status_code == 400 and not victim.token  # with a cookie of another login
    browser = case.house.browser()
    url = browser.get(f"/sso/start?link={case.link()}").headers["location"]
    back = case.issuer.consent(url)
    wrong = re.sub(r"state=[\w-]+", "state=guessed", back)
    assert browser.get(wrong).status_code == 400
    assert browser.get(back).status_code == 400  # and the right one comes too late
    assert browser.get("/sso/back").status_code == 400
    assert browser.get("/sso/back?error=access_denied&state=x").status_code == 400


def test_an_answer_is_good_once(case: Case) -> None:
    case.issuer.claims = {"sub": "once", "email": "once@example.org", "email_verified": True}
    browser = case.house.browser()
    back = case.issuer.consent(browser.get(f"/sso/start?link={case.link()}").headers["location"])
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400


def test_what_is_asked_of_the_issuer(case: Case) -> None:
    location = case.house.browser().get("/sso/start").headers["location"]
    asked = parse_qs(urlsplit(location).query)
    assert asked["redirect_uri"] == [f"{BASE}/sso/back"] and asked["scope"] == ["openid email profile"]
    assert SECRET not in location and "code_verifier" not in asked


def test_members_without_an_invitation_where_that_is_set(case: Case, tmp_path: Path) -> None:
    case.issuer.claims = {"sub": "new", "preferred_username": "zoe"}
    sso = SsoOptions(case.issuer.address, CLIENT, SECRET, members=True)
    with account_house_in(tmp_path, public_url=BASE, sso=sso) as house:
        browser = house.browser()
        assert Case(case.issuer, house).go(browser).status_code == 303
        assert browser.get("/gradio_api/user").json() == "zoe"
        assert house.service.store.accounts.user("zoe").role == "member"


def test_names_come_from_what_the_issuer_has_verified() -> None:
    assert chosen_name({"sub": "1", "email": "a@b", "email_verified": True, "preferred_username": "p"}) == "a@b"
    for unverified in ({}, {"email_verified": False}, {"email_verified": "true"}):
        assert chosen_name({"sub": "1", "email": "a@b", "preferred_username": "p"} | unverified) == "p"
    assert chosen_name({"sub": "1"}) == "1"


def test_a_misconfigured_issuer_is_told_before_anybody_needs_it(case: Case) -> None:
    def check(address: str) -> None:
        asyncio.run(Issuer(SsoOptions(address, CLIENT, SECRET), BASE).check())

    check(case.issuer.address)
    with pytest.raises(SsoError, match="cannot be asked"):
        check("http://127.0.0.1:9")
    case.issuer.metadata = {"issuer": "https://other.example"}
    with pytest.raises(SsoError, match=r"calls itself https://other.example; set UNABRIDGED_OIDC_ISSUER"):
        check(case.issuer.address)
    case.issuer.metadata = {"token_endpoint": ""}
    with pytest.raises(SsoError, match="does not tell its token_endpoint"):
        check(case.issuer.address)
    case.issuer.metadata = {}
    for incomplete in (("", CLIENT, SECRET), (case.issuer.address, "", SECRET), (case.issuer.address, CLIENT, "")):
        with pytest.raises(AssistantError, match="UNABRIDGED_OIDC_ISSUER"):
            Issuer(SsoOptions(*incomplete), BASE)
    with pytest.raises(AssistantError, match="UNABRIDGED_PUBLIC_URL"):
        Issuer(SsoOptions(case.issuer.address, CLIENT, SECRET), "")
