// Verifies `X-Auth-Assertion` with nothing but Node.
import { createPublicKey, verify as checks } from "node:crypto";
import { readFileSync } from "node:fs";

// What `token` says; null: it proves nothing. `keys` is what /.signalbox/jwks.json gives; fetch it
// again, seldom, where it lacks a `kid`.
export function verify(token, keys, issuer, audience, now = Date.now() / 1000) {
  try {
    const [head, body, signature, ...rest] = token.split(".");
    const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
    const header = read(head);
    if (rest.length || header.typ !== "site-assertion+jwt" || header.alg !== "EdDSA" || header.crit) return null;
    const jwk = keys.keys.find((key) => key.crv === "Ed25519" && key.kid === header.kid);
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const message = Buffer.from(`${head}.${body}`);
    if (!checks(null, message, key, Buffer.from(signature, "base64url"))) return null;
    const claims = read(body);
    const isOurs = claims.iss === issuer && claims.aud === audience;
    return isOurs && claims.exp > now && claims.iat <= now + 10 ? claims : null;
  } catch {
    return null;
  }
}

// node verify.mjs KEYS_FILE ISSUER AUDIENCE < TOKEN
if (process.argv.length === 5) {
  const [file, issuer, audience] = process.argv.slice(2);
  const claims = verify(readFileSync(0, "utf8"), JSON.parse(readFileSync(file)), issuer, audience);
  if (!claims) process.exit(1);
  console.log(JSON.stringify(claims));
}
