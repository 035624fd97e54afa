//! What a refresh token says of itself: the family it is of, and that this server named it.
//!
//! A spent token that comes back ends what it belongs to. Its session and its grant are named in every
//! access token, so whoever is shown one could otherwise make up a token of that family, and end it.

use uuid::Uuid;

use crate::{
    app::App,
    clock::random,
    domain::secret::{OpaqueToken, TokenKind},
};

/// The refresh family that a token is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyName {
    /// Whose.
    pub user_id: Uuid,
    /// The session it rests on.
    pub sid: Uuid,
    /// The family in it.
    pub family_id: Uuid,
}

impl FamilyName {
    /// A new token of this family.
    #[must_use]
    pub fn new_token(self, app: &App) -> OpaqueToken {
        let names = [self.user_id, self.sid, self.family_id, self.voucher(app)];
        OpaqueToken::new(TokenKind::Refresh, &names, random())
    }

    /// Nobody computes it without the server's key.
    fn voucher(self, app: &App) -> Uuid {
        let names = [self.user_id, self.sid, self.family_id].map(Uuid::into_bytes);
        app.sealer.digest("refresh-family", names.as_flattened()).to_id()
    }
}

/// Reads a refresh token and the family it is of; `None` for what was never one of this server's.
#[must_use]
pub fn read(app: &App, presented: &str) -> Option<(OpaqueToken, FamilyName)> {
    let token = OpaqueToken::parse(TokenKind::Refresh, presented)?;
    let &[user_id, sid, family_id, voucher] = token.names() else { return None };
    let family = FamilyName { user_id, sid, family_id };
    (voucher == family.voucher(app)).then_some((token, family))
}
