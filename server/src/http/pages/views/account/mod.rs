//! What the pages of an account show, for whoever is signed in.

mod activity;
mod address;
mod api_keys;
mod apps;
mod devices;
mod overview;
mod profile;
mod security;
mod sessions;
mod shell;
mod sites;

pub use self::{
    activity::{ActivityPage, EventRow},
    address::{AddressPage, Reach},
    api_keys::{ApiKeyProblem, ApiKeyRow, ApiKeys, Life, MadeApiKey, NewApiKey, SiteChoice},
    apps::{AppRow, Apps},
    devices::{DeviceRow, Devices},
    overview::{Advice, Overview},
    profile::{ProfileEdit, ProfilePage},
    security::{FactorPage, FactorRow, NewCodes, NewPassword, Security},
    sessions::{Opener, SessionRow, Sessions},
    shell::{Notice, Section, Shell},
    sites::{SiteRow, Sites},
};
pub use super::when::When;
