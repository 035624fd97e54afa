// Verifies `X-Auth-Assertion` with nothing but Go's own library.
package main

import ("crypto/ed25519"; "encoding/base64"; "encoding/json"; "fmt"; "io"; "os"; "strings"; "time")

type Keys struct{ Keys []struct{ Kid, Crv, X string } }

// Verify gives what token says, or nil: it proves nothing. keys is what /.signalbox/jwks.json gives;
// fetch it again, seldom, where it lacks a kid.
func Verify(token string, keys Keys, issuer, audience string, now float64) map[string]any {
	parts := strings.Split(token, ".")
	var header struct{ Typ, Alg, Kid string; Crit any }
	if len(parts) != 3 || json.Unmarshal(decode(parts[0]), &header) != nil {
		return nil
	}
	if header.Typ != "site-assertion+jwt" || header.Alg != "EdDSA" || header.Crit != nil {
		return nil
	}
	for _, key := range keys.Keys {
		public, message := decode(key.X), []byte(parts[0]+"."+parts[1])
		if key.Kid != header.Kid || key.Crv != "Ed25519" || len(public) != ed25519.PublicKeySize {
			continue
		}
		var claims map[string]any
		if !ed25519.Verify(public, message, decode(parts[2])) || json.Unmarshal(decode(parts[1]), &claims) != nil {
			return nil
		}
		exp, _ := claims["exp"].(float64)
		iat, _ := claims["iat"].(float64)
		if claims["iss"] == issuer && claims["aud"] == audience && exp > now && iat > 0 && iat <= now+10 {
			return claims
		}
	}
	return nil
}

func decode(part string) []byte { bytes, _ := base64.RawURLEncoding.DecodeString(part); return bytes }

func main() { // go run verify.go KEYS_FILE ISSUER AUDIENCE < TOKEN
	var keys Keys
	file, _ := os.ReadFile(os.Args[1])
	token, _ := io.ReadAll(os.Stdin)
	if json.Unmarshal(file, &keys) == nil {
		if claims := Verify(string(token), keys, os.Args[2], os.Args[3], float64(time.Now().Unix())); claims != nil {
			text, _ := json.Marshal(claims); fmt.Println(string(text)); return
		}
	}
	os.Exit(1)
}
