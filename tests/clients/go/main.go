// The module go-oidc against a running provider: it discovers, builds the requests and verifies the
// answers; this program only walks the pages as a browser does.
//
// It prints one line of JSON of what it saw, and ends with an error if anything is wrong.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type settings struct {
	issuer, clientID, redirectURI, goodbye, scope, username, password string
}

func read() (settings, error) {
	var found settings
	for name, place := range map[string]*string{
		"ISSUER":                   &found.issuer,
		"CLIENT_ID":                &found.clientID,
		"REDIRECT_URI":             &found.redirectURI,
		"POST_LOGOUT_REDIRECT_URI": &found.goodbye,
		"SCOPE":                    &found.scope,
		"USERNAME":                 &found.username,
		"PASSWORD":                 &found.password,
	} {
		*place = os.Getenv(name)
		if *place == "" {
			return found, fmt.Errorf("%s is not set", name)
		}
	}
	return found, nil
}

func run(ctx context.Context) error {
	set, err := read()
	if err != nil {
		return err
	}
	provider, err := oidc.NewProvider(ctx, set.issuer)
	if err != nil {
		return err
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return err
	}
	if metadata.EndSession == "" {
		return errors.New("discovery names no end_session_endpoint")
	}
	config := oauth2.Config{
		ClientID:     set.clientID,
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  set.redirectURI,
		Scopes:       strings.Fields(set.scope),
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if config.ClientSecret == "" {
		config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}

	verifier, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	asked := config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))
	someone, err := newBrowser(set.username, set.password, os.Getenv("CODE"))
	if err != nil {
		return err
	}
	answer, err := someone.walk(asked, set.redirectURI)
	if err != nil {
		return err
	}
	got := answer.Query()
	if got.Get("state") != state {
		return fmt.Errorf("another state came back: %s", answer)
	}
	// The library knows nothing of RFC 9207.
	if got.Get("iss") != set.issuer {
		return fmt.Errorf("another issuer answers: %s", answer)
	}
	if got.Get("code") == "" {
		return fmt.Errorf("no code: %s", answer)
	}

	tokens, err := config.Exchange(ctx, got.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return errors.New("no ID token")
	}
	checks := provider.Verifier(&oidc.Config{ClientID: set.clientID})
	idToken, err := checks.Verify(ctx, raw)
	if err != nil {
		return err
	}
	if idToken.Nonce != nonce {
		return errors.New("the ID token has another nonce")
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
			return err
		}
	}
	var claims, about map[string]any
	if err := idToken.Claims(&claims); err != nil {
		return err
	}
	userinfo, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return err
	}
	if userinfo.Subject != idToken.Subject {
		return errors.New("userinfo is of another person")
	}
	if err := userinfo.Claims(&about); err != nil {
		return err
	}

	if tokens.RefreshToken == "" {
		return errors.New("no refresh token")
	}
	renewed, err := refresh(ctx, &config, tokens.RefreshToken)
	if err != nil {
		return err
	}
	if renewed.AccessToken == tokens.AccessToken {
		return errors.New("a refresh gave the old access token")
	}
	if again, ok := renewed.Extra("id_token").(string); ok {
		verified, err := checks.Verify(ctx, again)
		if err != nil {
			return err
		}
		if verified.Subject != idToken.Subject {
			return errors.New("a refresh gave another person's ID token")
		}
	}

	leaving := oauth2.GenerateVerifier()
	endSession, err := url.Parse(metadata.EndSession)
	if err != nil {
		return err
	}
	endSession.RawQuery = url.Values{
		"id_token_hint":            {raw},
		"post_logout_redirect_uri": {set.goodbye},
		"state":                    {leaving},
	}.Encode()
	left, err := someone.walk(endSession.String(), set.goodbye)
	if err != nil {
		return err
	}
	if left.Query().Get("state") != leaving {
		return fmt.Errorf("another state came back: %s", left)
	}

	// The newest refresh token: oauth2 keeps the old one where none came.
	_, err = refresh(ctx, &config, renewed.RefreshToken)
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
		return fmt.Errorf("after the logout a refresh says: %v", err)
	}

	var header struct {
		Algorithm string `json:"alg"`
	}
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(part, &header); err != nil {
		return err
	}
	scope, _ := tokens.Extra("scope").(string)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"library":       "go-oidc",
		"algorithm":     header.Algorithm,
		"id_token":      claims,
		"userinfo":      about,
		"scope":         strings.Fields(scope),
		"refreshed":     true,
		"signed_out_to": set.goodbye,
		"after_logout":  refusal.ErrorCode,
	})
}

func refresh(ctx context.Context, config *oauth2.Config, token string) (*oauth2.Token, error) {
	return config.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
}
