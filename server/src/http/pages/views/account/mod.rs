//! What the pages of an account show, for whoever is signed in.

mod api_keys;
mod devices;
mod overview;
mod security;
mod sessions;
mod shell;
mod when;

pub use self::{
    api_keys::{ApiKeyProblem, ApiKeyRow, ApiKeys, Life, MadeApiKey, NewApiKey, SiteChoice},
    devices::{DeviceRow, Devices},
    overview::{Advice, Overview},
    security::{FactorPage, FactorRow, NewCodes, NewPassword, Security},
    sessions::{Opener, SessionRow, Sessions},
    shell::{Notice, Place, Shell},
    when::When,
};
