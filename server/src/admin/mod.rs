//! What an operator may ask for: one closed list of commands, and one place that carries them
//! out, whether they come from the command line or over the control socket.

mod accounts;
mod blocked;
mod clients;
mod decisions;
mod devices;
mod edges;
mod error;
mod keys;
mod recovery;
mod setup_link;
mod sites;
mod tenants;
mod users;

use std::sync::Arc;

use jwks::{Algorithm, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use accounts::{AccountEdit, change_account};
pub use clients::{create_client, ignored_members, list_clients, remove_client};
pub use decisions::explain_decision;
pub use edges::renew_edge;
pub use error::{AdminError, AdminResult};
pub use sites::{SiteDraft, change_site, create_site, put_demo_site};
pub use tenants::NewInvitation;
pub use users::{NewUser, create_user, invite_user};

use crate::{
    app::App,
    clock::new_id,
    doctor,
    domain::{
        audit::{Action, Event},
        instant::rfc3339,
    },
};

/// The command line, as `client_id` in the audit log.
const CLI: &str = "cli";

/// A command of an operator. It may hold a password, so it is never shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminCommand {
    /// A one-time link to make the first admin with.
    SetupLink,
    /// A new account.
    CreateUser(Box<NewUser>),
    /// A link for somebody who has lost every second factor.
    RecoveryLink {
        /// Their mail address.
        email: String,
    },
    /// Opens an account that its owner has blocked.
    Unblock {
        /// Its mail address.
        email: String,
    },
    /// Trusts no device of an account any more.
    RevokeDevices {
        /// Its mail address.
        email: String,
    },
    /// A new site behind the edge.
    CreateSite(Box<SiteDraft>),
    /// Every site.
    ListSites,
    /// An app that is put behind the edge.
    Protect(Box<SiteDraft>),
    /// Why a request was refused.
    Explain {
        /// `X-Signalbox-Decision`.
        id: String,
    },
    /// A new edge and its credential.
    CreateEdge {
        /// Its name for people.
        name: String,
    },
    /// Removes an edge with its credential and its keys.
    RemoveEdge {
        /// Its name for people.
        name: String,
    },
    /// What the data lacks for production.
    Examine {
        /// Whether something serves https for the sites ([`doctor::ends_tls`]).
        ends_tls: bool,
    },
    /// A new tenant.
    CreateTenant {
        /// Its name for programs.
        id: String,
        /// Its name for people.
        name: String,
    },
    /// Every tenant.
    ListTenants,
    /// A link with which somebody joins a tenant.
    Invite(Box<NewInvitation>),
    /// A new client, described by its metadata.
    CreateClient {
        /// RFC 7591 section 2, and what operators alone may say.
        members: Map<String, Value>,
        /// Whether flags said so, and are to be named where they are wrong.
        by_flags: bool,
    },
    /// Every client.
    ListClients,
    /// Removes a client, and ends whatever was issued to it.
    RemoveClient {
        /// Its name for programs.
        client_id: String,
    },
    /// A token with which clients register themselves.
    CreateInitialAccess {
        /// Its name for people.
        name: String,
        /// Its life.
        days: u32,
    },
    /// The signing keys that are not expired.
    ListKeys,
    /// A new signing key, which takes over after `tokens.key_lead`.
    RotateKey {
        /// Its algorithm; `None`: the one access tokens are signed with.
        algorithm: Option<Algorithm>,
    },
}

/// Carries a command out and gives what it prints. A secret in it is shown this once.
///
/// # Errors
/// [`AdminError`] says what is in the way; nothing has changed then.
pub async fn execute(app: &Arc<App>, command: AdminCommand) -> AdminResult<Value> {
    match command {
        AdminCommand::SetupLink => setup_link::issue(app).await,
        AdminCommand::CreateUser(user) => users::create(app, *user).await,
        AdminCommand::RecoveryLink { email } => recovery::issue(app, &email).await,
        AdminCommand::Unblock { email } => blocked::unblock(app, &email).await,
        AdminCommand::RevokeDevices { email } => devices::revoke(app, &email).await,
        AdminCommand::CreateSite(draft) => sites::create(app, *draft).await,
        AdminCommand::ListSites => sites::list(app).await,
        AdminCommand::Protect(draft) => sites::protect(app, *draft).await,
        AdminCommand::Explain { id } => decisions::explain(app, &id).await,
        AdminCommand::CreateEdge { name } => edges::create(app, &name).await,
        AdminCommand::RemoveEdge { name } => edges::remove(app, &name).await,
        AdminCommand::Examine { ends_tls } => {
            Ok(json!(doctor::data(&*app.identity, ends_tls, app.clock.now()).await))
        }
        AdminCommand::CreateTenant { id, name } => tenants::create(app, &id, &name).await,
        AdminCommand::ListTenants => tenants::list(app).await,
        AdminCommand::Invite(invitation) => tenants::send_invitation(app, *invitation).await,
        AdminCommand::CreateClient { members, by_flags } => {
            clients::create(app, &members, by_flags).await
        }
        AdminCommand::ListClients => clients::list(app).await,
        AdminCommand::RemoveClient { client_id } => clients::remove(app, &client_id).await,
        AdminCommand::CreateInitialAccess { name, days } => {
            clients::create_initial_access(app, &name, days).await
        }
        AdminCommand::ListKeys => keys::list(app).await,
        AdminCommand::RotateKey { algorithm } => keys::rotate(app, algorithm).await,
    }
}

/// An act of the operator at `now`.
fn event(action: Action, now: Time, details: Value) -> Event {
    Event {
        id: new_id(now),
        at: now,
        action,
        actor: None,
        user_id: None,
        site_key: None,
        client_id: Some(CLI.to_owned()),
        ip: None,
        user_agent: None,
        request_id: None,
        details,
    }
}

/// A name that programs use: letters, digits, `-`, `_`, `.` and `:`, at most 64.
fn is_plain_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}
