//! What acts of the identity store take, and how they go.

use jwks::{Time, cutoff::CutOff};
use uuid::Uuid;

use crate::domain::{
    factor::{BackupCode, Factor},
    login::Address,
    passkey::Passkey,
    tenant::Membership,
    user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
};

/// How a registration went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// A new, pending account.
    Created,
    /// The address had a pending account that somebody registered (with a password, without roles): its password (`password_hash`, `password_changed_at`),
    /// names (`email` as written, `name`, `given_name`, `family_name`) and times (`created_at`,
    /// `updated_at`) were replaced by the newer ones, and nothing else was. Carries the id it has
    /// had all along.
    Renewed(Uuid),
    /// The address belongs to somebody.
    Taken(Uuid),
}

/// How making an account went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It exists now.
    Created,
    /// The address belongs to somebody.
    AddressTaken,
    /// The user name belongs to somebody.
    UsernameTaken,
    /// Only for the first admin: there is one already.
    AdminExists,
}

/// The confirmation of a factor whose code was seen.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// Whose.
    pub user_id: Uuid,
    /// The factor.
    pub id: Uuid,
    /// The [`User::factor_epoch`] that it was decided on.
    pub expected_epoch: u64,
    /// Replaces the factor's name, where given.
    pub name: Option<String>,
    /// The step of the code.
    pub step: Option<u64>,
    /// Whether every other factor that counts goes, with its codes: they were lost.
    pub replaces: bool,
    /// The number that the code was sent to: where it is the person's and was not proved before, it
    /// is proved now.
    pub proves_phone: Option<String>,
    /// What a passkey or security key left.
    pub passkey: Option<Passkey>,
    /// What ends by it.
    pub cut_offs: Vec<CutOff>,
}

/// How a confirmation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The factor counts now, and so do the backup codes that came with it.
    Confirmed,
    /// It has been confirmed before.
    Already,
    /// No such factor.
    Gone,
    /// The factor waits still, but the epoch is not the expected one any more; nothing changed.
    Overtaken,
    /// Another passkey is called the same; nothing changed.
    Taken,
}

/// How the consumption of a one-time code went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// This call consumed it.
    Consumed,
    /// Another one had.
    Replayed,
    /// No such factor or code.
    Gone,
}

/// How counting a guess went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Counted: this many in a row, this one included.
    Counted(u32),
    /// As many in a row as are allowed; not counted, and not to be judged.
    Locked,
    /// No such factor.
    Gone,
}

/// How a denial went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is so now.
    Denied,
    /// The warning was used before, or is gone; nothing changed.
    Spent,
    /// The account is not what it was decided on; nothing changed.
    Overtaken,
}

/// How putting a site went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SitePut {
    /// Stored, with this version.
    Stored(u64),
    /// Nothing differs but the version; nothing was written.
    Unchanged(u64),
    /// A site of this key exists, and a new one was asked for.
    Exists,
    /// Another site answers to this host.
    HostTaken,
    /// There is no site of this key, or none of the version that was to be replaced.
    Overtaken,
}

/// Which site may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteWanted {
    /// One whose key is free.
    New,
    /// Any.
    Any,
    /// One in the place of this version.
    InPlaceOf(u64),
}

/// How adding a signing key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAdded {
    /// It is published.
    Added,
    /// The newest key of that algorithm is not the expected one: somebody else was faster.
    Raced,
}

/// A new password, and what has to be so for it to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Whose.
    pub user_id: Uuid,
    /// PHC string.
    pub hash: String,
    /// The account's `factor_epoch`: any other, and somebody was faster.
    pub expected_epoch: u64,
    /// The account's `email_key`, where the new password was chosen by a link that was mailed
    /// there: any other, and nothing changes; a pending or blocked account is active then, and an
    /// address that was not proved before is. `None`: only an active account's password changes.
    pub proves_address: Option<String>,
    /// What the account is from then on, where it becomes somebody's who was invited; `None`: what
    /// it was.
    pub invited: Option<Invited>,
}

/// What an invitation makes of an account that was nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// Where it is at home.
    pub tenant_id: String,
    /// Roles there.
    pub roles: Vec<String>,
    /// Whole name.
    pub name: String,
}

/// Which people are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleWanted {
    /// Those of whose mail address, user name or name this is a part. Case is not looked at; in a name that
    /// holds for ASCII letters alone.
    pub search: Option<String>,
    /// Those who stand so.
    pub status: Option<UserStatus>,
    /// Those who come after this one.
    pub after: Option<Uuid>,
}

impl PeopleWanted {
    /// The part that is looked for, as addresses and user names are compared, and as names are.
    #[must_use]
    pub fn parts(&self) -> (Option<String>, Option<String>) {
        let search = self.search.as_deref();
        (search.map(str::to_lowercase), search.map(str::to_ascii_lowercase))
    }
}

/// What an admin makes of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose.
    pub user_id: Uuid,
    /// The version that it was decided on ([`User::updated_at`]).
    pub expected: Time,
    /// Whole name.
    pub name: String,
    /// Roles at home.
    pub roles: Vec<String>,
    /// Where they are at home.
    pub tenant_id: String,
    /// Where the account stands.
    pub status: UserStatus,
    /// Whether what was begun before is over: raises `factor_epoch`.
    pub ends: bool,
}

impl AccountChange {
    /// Whether the person may do what admins do, then.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.status == UserStatus::Active
            && self.tenant_id == DEFAULT_TENANT
            && self.roles.iter().any(|role| role == ADMIN_ROLE)
    }
}

/// How changing an account went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChanged {
    /// It is so now.
    Changed,
    /// The account changed since, or is none; nothing changed.
    Overtaken,
    /// It would leave nobody who may do what admins do; nothing changed.
    LastAdmin,
}

/// How changing a profile went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChanged {
    /// It is so now.
    Changed,
    /// The user name belongs to somebody.
    UsernameTaken,
    /// The person changed since, or is none.
    Overtaken,
}

/// What becomes of a confirmed factor without making it another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorEdit {
    /// Whose.
    pub user_id: Uuid,
    /// The factor.
    pub id: Uuid,
    /// Its new name; `None`: the one it has.
    pub name: Option<String>,
    /// Whether it is the one to begin with from now on, in the place of any other.
    pub prefer: bool,
}

/// A mail address that was proved and takes the place of a person's present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAddress {
    /// Whose.
    pub user_id: Uuid,
    /// The account's `factor_epoch`: any other, and somebody was faster.
    pub expected_epoch: u64,
    /// The address.
    pub address: Address,
    /// The account that holds the address though nobody has proved it: it goes, if it is still one
    /// that somebody registered and never activated.
    pub displaces: Option<Uuid>,
}

/// How changing an address went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChanged {
    /// It is the person's now, and proved.
    Changed,
    /// It belongs to somebody; nothing changed.
    Taken,
    /// The account is not active, or the epoch is not the expected one; nothing changed.
    Overtaken,
}

/// The telephone number of a person from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPhone {
    /// Whose.
    pub user_id: Uuid,
    /// The account's `factor_epoch`: any other, and somebody was faster.
    pub expected_epoch: u64,
    /// The number, which was proved; `None`: there is none any more.
    pub phone: Option<String>,
}

/// A change of a person's factors that is one act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorChange {
    /// Whose.
    pub user_id: Uuid,
    /// The account's `factor_epoch`: any other, and somebody was faster.
    pub expected_epoch: u64,
    /// Factors that go, with their codes.
    pub remove: Vec<Uuid>,
    /// Factors that come, as they stand.
    pub add: Vec<Factor>,
    /// Their codes.
    pub codes: Vec<BackupCode>,
}

/// How somebody became a member of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// They are a member now.
    Joined,
    /// They have been; their roles are the new ones now, `created_at` stays.
    Already,
    /// No such person, or no such tenant besides their own; nothing changed.
    Gone,
}

/// How making an API key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyMade {
    /// It is good now.
    Made,
    /// Its owner has as many as may be; nothing changed.
    TooMany,
    /// Its owner is not active, or their epoch is not the expected one any more; nothing changed.
    Overtaken,
}

/// How changing or removing a client went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientChanged {
    /// It is so now.
    Changed,
    /// Somebody was faster: it is not of the version it was judged by. Nothing changed.
    Overtaken,
    /// No such client.
    Gone,
}

/// What waits to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many errands, claimed ones included.
    pub waiting: u64,
    /// When the oldest was queued.
    pub oldest: Option<Time>,
}

/// Everything about a person that a bearer or a refresh is judged by, in one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The person as they are now.
    pub user: User,
    /// The tenants they were invited into besides their own, by tenant.
    pub memberships: Vec<Membership>,
    /// The ending of this session, if it was ended.
    pub session_cut_off: Option<CutOff>,
    /// The newest ending of everything of this person, if any.
    pub user_cut_off: Option<CutOff>,
    /// Those of the other endings that were asked for and were written, in the order they were named.
    pub ended: Vec<CutOff>,
}
