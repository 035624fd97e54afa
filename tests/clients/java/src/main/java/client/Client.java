package client;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.oauth2.sdk.AuthorizationCode;
import com.nimbusds.oauth2.sdk.AuthorizationCodeGrant;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.ResponseType;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.openid.connect.sdk.AuthenticationRequest;
import com.nimbusds.openid.connect.sdk.AuthenticationResponse;
import com.nimbusds.openid.connect.sdk.AuthenticationResponseParser;
import com.nimbusds.openid.connect.sdk.LogoutRequest;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.claims.AccessTokenHash;
import com.nimbusds.openid.connect.sdk.claims.IDTokenClaimsSet;
import com.nimbusds.openid.connect.sdk.claims.UserInfo;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.AccessTokenValidator;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import net.minidev.json.JSONObject;

/**
 * Nimbus' SDK against a running provider: it discovers, builds the requests and verifies the
 * answers; this program only walks the pages as a browser does.
 *
 * <p>Prints one line of JSON of what it saw; ends with an error if anything is wrong.
 */
public final class Client {
    private final ClientID id = new ClientID(needed("CLIENT_ID"));
    private final String secret = System.getenv("CLIENT_SECRET");
    private final OIDCProviderMetadata metadata;

    private Client(OIDCProviderMetadata metadata) {
        this.metadata = metadata;
    }

    public static void main(String[] args) throws Exception {
        Issuer issuer = new Issuer(needed("ISSUER"));
        new Client(OIDCProviderMetadata.resolve(issuer)).run();
    }

    private void run() throws Exception {
        URI redirectUri = URI.create(needed("REDIRECT_URI"));
        URI goodbye = URI.create(needed("POST_LOGOUT_REDIRECT_URI"));
        JWSAlgorithm algorithm = JWSAlgorithm.parse(needed("ALGORITHM"));
        check(
                metadata.getIDTokenJWSAlgs().contains(algorithm),
                "discovery does not name " + algorithm);

        State state = new State(64);
        Nonce nonce = new Nonce();
        CodeVerifier verifier = new CodeVerifier();
        Scope scope = Scope.parse(needed("SCOPE"));
        URI asked =
                new AuthenticationRequest.Builder(ResponseType.CODE, scope, id, redirectUri)
                        .endpointURI(metadata.getAuthorizationEndpointURI())
                        .state(state)
                        .nonce(nonce)
                        .codeChallenge(verifier, CodeChallengeMethod.S256)
                        .build()
                        .toURI();
        Browser browser =
                new Browser(needed("USERNAME"), needed("PASSWORD"), System.getenv("CODE"));
        AuthenticationResponse answer =
                AuthenticationResponseParser.parse(browser.walk(asked, redirectUri));
        if (!answer.indicatesSuccess()) {
            throw new IllegalStateException(
                    "refused: " + answer.toErrorResponse().getErrorObject().toJSONObject());
        }
        check(state.equals(answer.getState()), "another state came back");
        check(metadata.getIssuer().equals(answer.getIssuer()), "another issuer answers");
        AuthorizationCode code = answer.toSuccessResponse().getAuthorizationCode();

        OIDCTokens tokens = tokens(new AuthorizationCodeGrant(code, redirectUri, verifier));
        IDTokenValidator validator =
                new IDTokenValidator(
                        metadata.getIssuer(), id, algorithm, metadata.getJWKSetURI().toURL());
        IDTokenClaimsSet claims = validator.validate(tokens.getIDToken(), nonce);
        AccessTokenHash hash = claims.getAccessTokenHash();
        if (hash != null) {
            AccessTokenValidator.validate(tokens.getAccessToken(), algorithm, hash);
        }

        UserInfoResponse about =
                UserInfoResponse.parse(
                        new UserInfoRequest(
                                        metadata.getUserInfoEndpointURI(), tokens.getAccessToken())
                                .toHTTPRequest()
                                .send());
        check(about.indicatesSuccess(), "no userinfo");
        UserInfo userinfo = about.toSuccessResponse().getUserInfo();
        check(userinfo.getSubject().equals(claims.getSubject()), "userinfo is of another person");

        check(tokens.getRefreshToken() != null, "no refresh token");
        OIDCTokens renewed = tokens(new RefreshTokenGrant(tokens.getRefreshToken()));
        check(
                !renewed.getAccessToken().equals(tokens.getAccessToken()),
                "a refresh gave the old access token");
        if (renewed.getIDToken() != null) {
            IDTokenClaimsSet second = validator.validate(renewed.getIDToken(), null);
            check(second.getSubject().equals(claims.getSubject()), "another person's ID token");
        }

        State leaving = new State();
        URI endSession =
                new LogoutRequest(
                                metadata.getEndSessionEndpointURI(),
                                tokens.getIDToken(),
                                goodbye,
                                leaving)
                        .toURI();
        URI left = browser.walk(endSession, goodbye);
        check(
                Objects.equals(left.getQuery(), "state=" + leaving.getValue()),
                "another state came back: " + left);

        RefreshToken newest =
                renewed.getRefreshToken() == null
                        ? tokens.getRefreshToken()
                        : renewed.getRefreshToken();
        TokenResponse after = token(new RefreshTokenGrant(newest));
        check(!after.indicatesSuccess(), "after the logout a refresh still works");
        String refusal = after.toErrorResponse().getErrorObject().getCode();
        check("invalid_grant".equals(refusal), "after the logout a refresh says " + refusal);

        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("library", "Nimbus");
        seen.put("algorithm", tokens.getIDToken().getHeader().getAlgorithm().getName());
        seen.put("id_token", claims.toJSONObject());
        seen.put("userinfo", userinfo.toJSONObject());
        seen.put("scope", tokens.getAccessToken().getScope().toStringList());
        seen.put("refreshed", true);
        seen.put("signed_out_to", goodbye.toString());
        seen.put("after_logout", refusal);
        System.out.println(new JSONObject(seen).toJSONString());
    }

    private TokenResponse token(AuthorizationGrant grant) throws Exception {
        URI endpoint = metadata.getTokenEndpointURI();
        TokenRequest request =
                secret == null || secret.isEmpty()
                        ? new TokenRequest(endpoint, id, grant)
                        : new TokenRequest(
                                endpoint, new ClientSecretBasic(id, new Secret(secret)), grant);
        return OIDCTokenResponseParser.parse(request.toHTTPRequest().send());
    }

    private OIDCTokens tokens(AuthorizationGrant grant) throws Exception {
        TokenResponse answer = token(grant);
        if (!answer.indicatesSuccess()) {
            throw new IllegalStateException(
                    "no tokens: " + answer.toErrorResponse().getErrorObject().toJSONObject());
        }
        return ((OIDCTokenResponse) answer.toSuccessResponse()).getOIDCTokens();
    }

    private static String needed(String name) {
        String value = System.getenv(name);
        check(value != null && !value.isEmpty(), name + " is not set");
        return value;
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
