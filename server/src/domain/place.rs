//! Where people sign in from.

use uuid::Uuid;

/// A kind of agent in a network, from which somebody signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Who.
    pub user_id: Uuid,
    /// What their agent is, in a few words.
    pub agent: String,
    /// The network, as throttles count it.
    pub network: String,
}
