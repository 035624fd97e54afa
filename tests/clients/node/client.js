// The package `openid-client` against a running provider: it discovers, builds the requests and
// verifies the answers; this program only walks the pages as a browser does.
//
// Prints one line of JSON of what it saw; ends with an error if anything is wrong.

import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { Browser } from './pages.js';

function needed(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const redirectUri = needed('REDIRECT_URI');
const goodbye = needed('POST_LOGOUT_REDIRECT_URI');
const secret = process.env.CLIENT_SECRET;
const browser = new Browser(needed('USERNAME'), needed('PASSWORD'), process.env.CODE);

const config = await client.discovery(
  new URL(needed('ISSUER')),
  needed('CLIENT_ID'),
  { id_token_signed_response_alg: needed('ALGORITHM') },
  secret ? client.ClientSecretBasic(secret) : client.None(),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
);

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
const asked = {
  redirect_uri: redirectUri,
  scope: needed('SCOPE'),
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
};
// Its requests are pushed (RFC 9126).
const url = await client.buildAuthorizationUrlWithPAR(config, asked);
const answer = await browser.walk(url, redirectUri);

const tokens = await client.authorizationCodeGrant(config, answer, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);

assert.ok(tokens.refresh_token, 'no refresh token');
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(renewed.access_token, tokens.access_token, 'a refresh gave the old access token');
if (renewed.id_token) assert.equal(renewed.claims().sub, claims.sub);

const leaving = client.randomState();
const left = await browser.walk(
  client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: goodbye,
    state: leaving,
  }),
  goodbye,
);
assert.equal(left.searchParams.get('state'), leaving, `another state came back: ${left}`);

let after = 'nothing';
try {
  await client.refreshTokenGrant(config, renewed.refresh_token ?? tokens.refresh_token);
} catch (refusal) {
  if (!(refusal instanceof client.ResponseBodyError)) throw refusal;
  after = refusal.error;
}
assert.equal(after, 'invalid_grant', 'after the logout a refresh is not refused');

const header = JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url'));
console.log(
  JSON.stringify({
    library: 'openid-client',
    algorithm: header.alg,
    id_token: claims,
    userinfo,
    scope: tokens.scope?.split(' '),
    refreshed: true,
    signed_out_to: goodbye,
    after_logout: after,
  }),
);
