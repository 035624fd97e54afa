"""The package Authlib against a running provider: it discovers, builds the requests and verifies
the answers; this program only walks the pages as a browser does.

Prints one line of JSON of what it saw; ends with an error if anything is wrong.
"""

import json
import os
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client import BaseApp, OAuthError
from authlib.integrations.base_client.framework_integration import FrameworkIntegration
from authlib.integrations.base_client.sync_app import OAuth2Mixin
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session

from pages import Browser


class NoFramework(FrameworkIntegration):
    """There is no web framework around this program, and nothing to keep."""

    def update_token(self, token, refresh_token=None, access_token=None):
        pass


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """What Authlib's integrations of web frameworks are made of, without one."""

    client_cls = OAuth2Session


def needed(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set")
    return value


def parameters(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def main():
    secret = os.environ.get("CLIENT_SECRET")
    redirect_uri, goodbye = needed("REDIRECT_URI"), needed("POST_LOGOUT_REDIRECT_URI")
    app = App(
        NoFramework("signalbox"),
        client_id=needed("CLIENT_ID"),
        client_secret=secret,
        server_metadata_url=f"{needed('ISSUER')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": needed("SCOPE"),
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        },
    )
    browser = Browser(needed("USERNAME"), needed("PASSWORD"), os.environ.get("CODE"))

    asked = app.create_authorization_url(redirect_uri)
    answer = browser.walk(asked["url"], redirect_uri)
    got = parameters(answer)
    assert got.get("state") == asked["state"], f"another state came back: {answer}"
    # The library knows nothing of RFC 9207.
    assert got.get("iss") == needed("ISSUER"), f"another issuer answers: {answer}"
    assert "code" in got, f"no code: {answer}"

    tokens = app.fetch_access_token(
        redirect_uri, code=got["code"], code_verifier=asked["code_verifier"]
    )
    claims = app.parse_id_token(tokens, nonce=asked["nonce"], leeway=10)
    assert claims, "no ID token"
    userinfo = app.userinfo(token=tokens)
    assert userinfo["sub"] == claims["sub"], "userinfo is of another person"

    assert tokens.get("refresh_token"), "no refresh token"
    metadata = app.load_server_metadata()

    def refresh(token):
        with app._get_oauth_client(**metadata) as session:
            return session.refresh_token(metadata["token_endpoint"], refresh_token=token)

    renewed = refresh(tokens["refresh_token"])
    assert renewed["access_token"] != tokens["access_token"], "a refresh gave the old access token"
    assert app.userinfo(token=renewed)["sub"] == claims["sub"]

    leaving = app.create_logout_url(goodbye, id_token_hint=tokens["id_token"])
    left = browser.walk(leaving["url"], goodbye)
    assert parameters(left).get("state") == leaving["state"], f"another state came back: {left}"

    try:
        refresh(renewed.get("refresh_token") or tokens["refresh_token"])
        after = "nothing"
    except OAuthError as refusal:
        after = refusal.error
    assert after == "invalid_grant", f"after the logout a refresh says {after}"

    seen = {
        "library": "Authlib",
        "algorithm": claims_header(tokens["id_token"])["alg"],
        "id_token": claims,
        "userinfo": userinfo,
        "scope": tokens["scope"].split(),
        "refreshed": True,
        "signed_out_to": goodbye,
        "after_logout": after,
    }
    print(json.dumps(seen))


def claims_header(token):
    from joserfc.jws import extract_compact

    return extract_compact(token.encode()).headers()


if __name__ == "__main__":
    main()
