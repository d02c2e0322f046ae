"""What the three flows share: the town, the narrator, the person and the person's browser."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tongxing.demo.agent import AgentClient, Person
from tongxing.demo.browser import Browser, Page
from tongxing.demo.narration import Narrator, expect
from tongxing.people import DemoCard
from tongxing.town import Town

_LOGIN_FORM = "/login/"
CARD_TOKEN_FIELD = "card_token"  # noqa: S105 - a form field


@dataclass(frozen=True)
class Stage:
    """Where the demonstration plays."""

    town: Town
    narrator: Narrator
    person: Person
    agent_url: str

    @property
    def language(self) -> str:
        """The language of pages and of the agent."""
        return self.town.settings.language

    def browser(self) -> Browser:
        """Open a browser of somebody who has not been here before."""
        return Browser(self.town.layout.trust / "root.pem", self.language)

    def agent(self, browser: Browser, page_url: str) -> AgentClient:
        """Return the card agent as a page of that address reaches it."""
        return AgentClient(browser, self.agent_url, page_url, self.language)

    def log_in(self, browser: Browser, site: str, card: DemoCard) -> Page:
        """Log in at a site with a card; return the page the site shows then."""
        self.person.holds(card)
        page = browser.get(f"{self.town.url(site)}/login")
        return self.answer_login(browser, page)

    def answer_login(self, browser: Browser, page: Page) -> Page:
        """Do what the login page's script does: a fresh nonce, the card's token, the form."""
        form = page.form(_LOGIN_FORM)
        answer = browser.post_json(f"{form.action}/nonce", {}, {"X-CSRF-Token": page.data["csrf-token"]})
        token = self.agent(browser, page.url).login(answer["nonce"])
        answer = browser.submit(form, {CARD_TOKEN_FIELD: json.dumps(token)})
        expect(answer.status == 200, f"{answer.url} answered {answer.status}: {answer.words}")
        return answer
