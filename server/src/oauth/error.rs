//! Why the authorization server said no: one closed list under every OAuth endpoint.

use std::{borrow::Cow, time::Duration};

use crate::{auth::AuthError, store::StoreError};

/// The reasons, by the error codes of their documents. The text is `error_description`: for
/// developers, without secrets, of the characters RFC 6749 section 5.2 allows.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// RFC 6749 sections 4.1.2.1 and 5.2.
    #[error("invalid_request: {0}")]
    InvalidRequest(Cow<'static, str>),
    /// RFC 6749 section 5.2.
    #[error("invalid_client: {0}")]
    InvalidClient(Cow<'static, str>),
    /// RFC 6749 section 5.2.
    #[error("invalid_grant: {0}")]
    InvalidGrant(Cow<'static, str>),
    /// RFC 6749 sections 4.1.2.1 and 5.2.
    #[error("unauthorized_client: {0}")]
    UnauthorizedClient(Cow<'static, str>),
    /// RFC 6749 section 5.2.
    #[error("unsupported_grant_type: {0}")]
    UnsupportedGrantType(Cow<'static, str>),
    /// RFC 6749 sections 4.1.2.1 and 5.2.
    #[error("invalid_scope: {0}")]
    InvalidScope(Cow<'static, str>),
    /// RFC 8707 section 2.
    #[error("invalid_target: {0}")]
    InvalidTarget(Cow<'static, str>),
    /// RFC 6749 section 4.1.2.1, RFC 8628 section 3.5.
    #[error("access_denied: {0}")]
    AccessDenied(Cow<'static, str>),
    /// RFC 6749 section 4.1.2.1.
    #[error("unsupported_response_type: {0}")]
    UnsupportedResponseType(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("login_required: {0}")]
    LoginRequired(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("interaction_required: {0}")]
    InteractionRequired(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("consent_required: {0}")]
    ConsentRequired(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("account_selection_required: {0}")]
    AccountSelectionRequired(Cow<'static, str>),
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0, RFC 9470 section 5.
    #[error("unmet_authentication_requirements: {0}")]
    UnmetAuthenticationRequirements(Cow<'static, str>),
    /// RFC 9101 section 7: a `request_uri` that is unknown, spent or another client's.
    #[error("invalid_request_uri: {0}")]
    InvalidRequestUri(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("request_not_supported: {0}")]
    RequestNotSupported(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("request_uri_not_supported: {0}")]
    RequestUriNotSupported(Cow<'static, str>),
    /// OpenID Connect Core section 3.1.2.6.
    #[error("registration_not_supported: {0}")]
    RegistrationNotSupported(Cow<'static, str>),
    /// RFC 6750 section 3.1. `None`: no token came at all.
    #[error("invalid_token")]
    InvalidToken(Option<Cow<'static, str>>),
    /// RFC 6750 section 3.1: the scope that is needed.
    #[error("insufficient_scope: {0}")]
    InsufficientScope(&'static str),
    /// RFC 7591 section 3.2.2.
    #[error("invalid_redirect_uri: {0}")]
    InvalidRedirectUri(Cow<'static, str>),
    /// RFC 7591 section 3.2.2.
    #[error("invalid_client_metadata: {0}")]
    InvalidClientMetadata(Cow<'static, str>),
    /// RFC 7591 section 3.2.2: we take nobody's word for a client.
    #[error("unapproved_software_statement: {0}")]
    UnapprovedSoftwareStatement(Cow<'static, str>),
    /// RFC 8628 section 3.5.
    #[error("authorization_pending")]
    AuthorizationPending,
    /// RFC 8628 section 3.5.
    #[error("slow_down")]
    SlowDown,
    /// RFC 8628 section 3.5.
    #[error("expired_token")]
    ExpiredToken,
    /// There is no such thing here: a management address of a client that is gone, a registration
    /// endpoint that is switched off.
    #[error("not found")]
    NotFound,
    /// Counted too often.
    #[error("too many tries")]
    TooMany {
        /// When one more fits, counted from now.
        retry_after: Duration,
    },
    /// A store is away, or there is too much to do: `temporarily_unavailable`.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
    /// Something that cannot happen did: `server_error`. The text is for the log alone.
    #[error("server_error: {0}")]
    Internal(String),
}

/// What a use case of the authorization server gives.
pub type OAuthResult<T> = Result<T, OAuthError>;

impl OAuthError {
    /// `invalid_request`.
    pub fn request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(text.into())
    }

    /// `invalid_grant`.
    pub fn grant(text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidGrant(text.into())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::Unavailable(error.to_string()),
            StoreError::Broken { .. } => Self::Internal(error.to_string()),
        }
    }
}

/// What signing in says, where an OAuth endpoint called it.
impl From<AuthError> for OAuthError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            AuthError::Busy => Self::Unavailable("busy".to_owned()),
            AuthError::TooMany { retry_after, .. } => Self::TooMany { retry_after },
            other => Self::Internal(other.to_string()),
        }
    }
}
