//! The last step of a message to a telephone: through a gateway, or into the outbox while none is
//! set.

mod gateway;
mod template;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    app::App,
    clock::Clock,
    config::{Config, Problem, check::is_local},
    domain::errand::Text,
    mailer::Undelivered,
    outbox::{Captured, Outbox},
    outgoing::Outgoing,
};

pub use gateway::Gateway;

/// Sends messages to telephones, one at a call. Who has one to send queues it
/// ([`crate::auth::errands`]); the courier alone delivers.
#[async_trait]
pub trait SmsSender: Send + Sync {
    /// Delivers a message. `id` names it, and two of one name are the same one.
    ///
    /// # Errors
    /// [`Undelivered`] when it did not leave, or nobody knows whether it did.
    async fn deliver(&self, id: Uuid, text: &Text) -> Result<(), Undelivered>;
}

/// Keeps messages in the outbox.
pub struct Capture {
    outbox: Arc<Outbox>,
    clock: Clock,
}

#[async_trait]
impl SmsSender for Capture {
    async fn deliver(&self, _id: Uuid, text: &Text) -> Result<(), Undelivered> {
        self.outbox.keep(Captured {
            channel: "sms",
            to: text.to.clone(),
            subject: String::new(),
            text: text.text.clone(),
            html: String::new(),
            sent_at: self.clock.now(),
        });
        Ok(())
    }
}

/// The sender that `[sms]` names; `None` where no message would reach anybody.
///
/// # Errors
/// The first setting that cannot be used.
pub fn sender(
    config: &Config,
    outgoing: &Arc<Outgoing>,
    outbox: &Arc<Outbox>,
    clock: &Clock,
) -> Result<Option<Box<dyn SmsSender>>, Problem> {
    Ok(match config.sms.url.as_str() {
        "off" => None,
        "capture" if is_local(config) => {
            Some(Box::new(Capture { outbox: outbox.clone(), clock: clock.clone() }))
        }
        "capture" => None,
        _ => Some(Box::new(Gateway::new(&config.sms, outgoing.clone())?)),
    })
}

/// Delivers a message, where messages leave at all.
///
/// # Errors
/// [`Undelivered`] when it did not leave, or nobody knows whether it did.
pub async fn deliver(app: &App, id: Uuid, text: &Text) -> Result<(), Undelivered> {
    match &app.sms {
        Some(sender) => sender.deliver(id, text).await,
        None => Err(Undelivered::Never("no messages are sent from here (sms.url)".to_owned())),
    }
}

/// Everything that is wrong with `[sms]`.
#[must_use]
pub fn judge(config: &Config) -> Vec<Problem> {
    gateway::judge(&config.sms)
}
