//! Budgets that a known device has for itself: no flood from elsewhere uses them up (rule 22).

use std::time::Duration;

use jwks::Time;

use super::{Counted, count};
use crate::{
    app::App,
    auth::{error::AuthResult, known_device::KnownDevice},
};

/// How many devices' budgets all known devices of an account have together.
const DEVICES_TOGETHER: u32 = 5;

/// The budget of what is guarded for everybody, or that of a device which is known there.
pub(super) struct Owned<'o> {
    /// What it is called.
    pub(super) name: &'static str,
    /// What is guarded.
    pub(super) of: String,
    /// The device, where it is known there.
    pub(super) by: Option<&'o KnownDevice>,
}

impl Owned<'_> {
    /// Counts one try: among everybody's; or among those of the device, and of all known devices
    /// together, of which there may be any number.
    pub(super) async fn count(
        &self,
        app: &App,
        limit: u32,
        window: Duration,
        now: Time,
    ) -> AuthResult<Vec<Counted>> {
        let Self { name, of, by } = self;
        let Some(device) = by else {
            return Ok(vec![count(app, format!("{name}:{of}"), limit, window, now).await?]);
        };
        let own = format!("{name}-dev:{}:{of}", device.id.simple());
        let own = count(app, own, limit, window, now).await?;
        let together = limit.saturating_mul(DEVICES_TOGETHER);
        let all = count(app, format!("{name}-devs:{of}"), together, window, now).await?;
        Ok(vec![own, all])
    }
}
