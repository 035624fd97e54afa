<?php
// Verifies `X-Auth-Assertion` with PHP 8 and its own sodium.

function decode(string $part): string
{
    $bytes = base64_decode(strtr($part, '-_', '+/'), true);
    return $bytes === false ? '' : $bytes;
}

// What $token says; null: it proves nothing. $keys is what /.signalbox/jwks.json gives; fetch it again,
// seldom, where it lacks a kid.
function verify(string $token, array $keys, string $issuer, string $audience, ?int $now = null): ?array
{
    $now ??= time();
    $parts = explode('.', $token);
    if (count($parts) !== 3) {
        return null;
    }
    [$head, $body, $signature] = $parts;
    $header = json_decode(decode($head), true);
    if (($header['typ'] ?? '') !== 'site-assertion+jwt' || ($header['alg'] ?? '') !== 'EdDSA' || isset($header['crit'])) {
        return null;
    }
    foreach ($keys['keys'] as $key) {
        if ($key['kid'] !== ($header['kid'] ?? '') || $key['crv'] !== 'Ed25519') {
            continue;
        }
        $signature = decode($signature);
        $isSigned = strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
            && sodium_crypto_sign_verify_detached($signature, "$head.$body", decode($key['x']));
        $claims = $isSigned ? json_decode(decode($body), true) : null;
        $isOurs = ($claims['iss'] ?? '') === $issuer && ($claims['aud'] ?? '') === $audience;
        return $isOurs && $claims['exp'] > $now && $claims['iat'] <= $now + 10 ? $claims : null;
    }
    return null;
}

if (($argc ?? 0) === 4) { // php verify.php KEYS_FILE ISSUER AUDIENCE < TOKEN
    $keys = json_decode(file_get_contents($argv[1]), true);
    $claims = verify(stream_get_contents(STDIN), $keys, $argv[2], $argv[3]);
    echo $claims === null ? '' : json_encode($claims) . "\n";
    exit($claims === null ? 1 : 0);
}
