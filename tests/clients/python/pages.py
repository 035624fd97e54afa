"""What a browser does between the request and the answer: it follows redirects, keeps cookies and
sends forms."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

# More steps than any way through the pages has.
STEPS = 20


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.is_open = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        own = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append({"action": own.get("action", ""), "inputs": [], "buttons": []})
            self.is_open = True
        elif self.is_open and tag == "input":
            self.found[-1]["inputs"].append(own)
        elif self.is_open and tag == "button":
            self.found[-1]["buttons"].append(own)

    def handle_endtag(self, tag):
        if tag == "form":
            self.is_open = False


class Browser:
    """Somebody at a browser."""

    def __init__(self, username, password, code):
        self.session = requests.Session()
        self.session.trust_env = False
        self.username, self.password, self.code = username, password, code

    def walk(self, start, target):
        """Goes to `start` and through whatever page comes, until it is sent to `target`: where to
        exactly."""
        here, answer = start, self.call("GET", start)
        for _ in range(STEPS):
            if answer.is_redirect:
                here = urljoin(here, answer.headers["location"])
                if here.startswith(target):
                    return here
                answer = self.call("GET", here)
                continue
            said = f"{here} answers {answer.status_code}: {answer.text}"
            assert answer.status_code == 200, said
            filled = self.fill(answer.text)
            assert filled, f"no form that somebody could send: {said}"
            action, fields = filled
            parts = urlsplit(here)
            here = urljoin(here, action)
            origin = f"{parts.scheme}://{parts.netloc}"
            answer = self.call("POST", here, data=fields, headers={"origin": origin})
        raise AssertionError(f"still not at {target} after {STEPS} steps, but at {here}")

    def call(self, method, url, headers=None, data=None):
        headers = {"accept": "text/html", **(headers or {})}
        return self.session.request(
            method, url, data=data, headers=headers, allow_redirects=False, timeout=30
        )

    def fill(self, page):
        """The form that can be sent: its action and its fields, filled in."""
        for form in Forms(page).found:
            names = {one.get("name") for one in form["inputs"]}
            fields = [
                (one["name"], one.get("value", ""))
                for one in form["inputs"]
                if one.get("type") == "hidden"
            ]
            agreed = [
                one["value"]
                for one in form["buttons"]
                if one.get("name") == "decision" and one.get("value") != "deny"
            ]
            if "password" in names:
                fields += [("username", self.username), ("password", self.password)]
            elif "code" in names and self.code:
                fields.append(("code", self.code))
                self.code = None
            elif agreed:
                fields.append(("decision", agreed[0]))
            else:
                continue
            return form["action"], fields
        return None
