"""Verifies `X-Auth-Assertion` with `cryptography`."""
import base64
import json
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decode(part):
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)


def verify(token, keys, issuer, audience, now=None):
    """What `token` says; None: it proves nothing. `keys` is what /.signalbox/jwks.json gives; fetch it
    again, seldom, where it lacks a `kid`."""
    now = time.time() if now is None else now
    try:
        message, signature = token.rsplit(".", 1)
        head, body = message.split(".")
        header = json.loads(decode(head))
        if header["typ"] != "site-assertion+jwt" or header["alg"] != "EdDSA" or "crit" in header:
            return None
        named = [key for key in keys["keys"] if key["kid"] == header["kid"] and key["crv"] == "Ed25519"]
        key = Ed25519PublicKey.from_public_bytes(decode(named[0]["x"]))
        key.verify(decode(signature), message.encode())
        claims = json.loads(decode(body))
        ours = claims["iss"] == issuer and claims["aud"] == audience
        return claims if ours and claims["exp"] > now and claims["iat"] <= now + 10 else None
    except (ValueError, KeyError, IndexError, TypeError, InvalidSignature):
        return None


if __name__ == "__main__":  # python verify.py KEYS_FILE ISSUER AUDIENCE < TOKEN
    with open(sys.argv[1]) as file:
        said = verify(sys.stdin.read(), json.load(file), sys.argv[2], sys.argv[3])
    if said is None:
        sys.exit(1)
    print(json.dumps(said))
