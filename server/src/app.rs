//! What every use case works with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use jwks::{Algorithm, Time, signing_key::SigningKey, verdict_cache::VerdictCache};

use crate::{
    auth::{hasher::Hasher, mfa::webauthn::RelyingParty},
    clock::Clock,
    config::Config,
    domain::key::KeyRow,
    feed::Hub,
    keyring::{self, KeyError, KeyRing, LOAD_INTERVAL},
    mailer::Mailer,
    oauth::{
        client_keys::ClientKeys, client_secret::Failures, clients::ClientCache, discovery,
        logos::Logos,
    },
    outbox::Outbox,
    outgoing::Outgoing,
    published_keys,
    seal::Sealer,
    sms::{self, SmsSender},
    store::{IdentityStore, SessionStore},
};

/// How many verified tokens the server remembers.
const VERDICTS: usize = 20_000;
/// How often the store of identity is swept.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// How long to wait between two sweeps while there is more to take, so that they do not crowd
/// those who write.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);
/// How long to wait before a failed start of the stores is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Everything a use case works with. A plain struct: no framework, no generics.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The issuer: `server.public_url` without a trailing slash.
    pub issuer: String,
    /// Where the program keeps files.
    pub data_dir: PathBuf,
    /// This server, as passkeys know it.
    pub relying_party: RelyingParty,
    /// The clock.
    pub clock: Clock,
    /// People, factors, sites, keys, endings, the feed, the log.
    pub identity: Arc<dyn IdentityStore>,
    /// Sessions, half sign-ins, one-time tokens, throttles.
    pub sessions: Arc<dyn SessionStore>,
    /// Seals what must be read again.
    pub sealer: Sealer,
    /// Signing keys.
    pub keys: KeyRing,
    /// Held by whoever makes a signing key here.
    making: tokio::sync::Mutex<()>,
    /// Where secrets of clients were wrong lately.
    pub client_failures: Failures,
    /// The keys of clients, fetched from where they are.
    pub client_keys: ClientKeys,
    /// Argon2id.
    pub hasher: Hasher,
    /// Mail.
    pub mailer: Mailer,
    /// Messages to telephones; `None`: none leave from here.
    pub sms: Option<Box<dyn SmsSender>>,
    /// What was captured instead of sent.
    pub outbox: Arc<Outbox>,
    /// Clients that were read lately.
    pub clients: ClientCache,
    /// Their pictures.
    pub logos: Logos,
    /// What the authorization server says of itself, as it is sent.
    pub discovery: Bytes,
    /// What is fetched from, and posted to, addresses that clients registered.
    pub outgoing: Arc<Outgoing>,
    /// Tokens already verified.
    pub verdicts: VerdictCache,
    /// The feed for edges.
    pub feed: Arc<Hub>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// The message names the setting that cannot be used.
    pub fn assemble(
        config: Config,
        data_dir: PathBuf,
        clock: Clock,
        identity: Arc<dyn IdentityStore>,
        sessions: Arc<dyn SessionStore>,
        sealing_key: [u8; 32],
    ) -> Result<Arc<Self>, String> {
        let issuer = config.public_url().as_str().trim_end_matches('/').to_owned();
        let outbox = Arc::<Outbox>::default();
        let mailer = Mailer::new(&config.mail.url, &config.mail.from, &outbox, clock.clone())
            .map_err(|error| error.to_string())?;
        let outgoing = Arc::new(Outgoing::new(&config.outgoing)?);
        let sms = sms::sender(&config, &outgoing, &outbox, &clock)
            .map_err(|problem| problem.to_string())?;
        let discovery = discovery::document(&issuer, &config).to_string();
        let keys = KeyRing::remembering(&published_keys::read(&data_dir));
        Ok(Arc::new(Self {
            relying_party: RelyingParty::new(&config.public_url()),
            issuer,
            data_dir,
            sealer: Sealer::new(&sealing_key).map_err(|error| error.to_string())?,
            keys,
            making: tokio::sync::Mutex::default(),
            client_failures: Failures::default(),
            client_keys: ClientKeys::default(),
            hasher: Hasher::start(&config.password)?,
            mailer,
            sms,
            outbox,
            logos: Logos::default(),
            discovery: discovery.into(),
            clients: ClientCache::new(identity.feed_changes()),
            outgoing,
            verdicts: VerdictCache::new(VERDICTS),
            feed: Arc::new(Hub::new(
                identity.clone(),
                sessions.clone(),
                clock.clone(),
                config.limits.keys_at_edges,
            )),
            identity,
            sessions,
            clock,
            config,
        }))
    }

    /// Makes sure of the key that signs access tokens, stores the sites of the configuration, and reads what is
    /// kept in memory.
    ///
    /// # Errors
    /// [`KeyError`] when a store fails; everything may be tried again.
    pub async fn prepare(&self) -> Result<(), KeyError> {
        self.load_keys().await?;
        self.make_key(self.config.tokens.algorithm).await?;
        crate::configured_sites::store(self).await?;
        Ok(())
    }

    /// Keeps what is in memory up to date for as long as the program runs: prepares, again and
    /// again until the stores answer; then follows the feed, notes which edges do, and has the store
    /// forget what is over.
    pub async fn keep_current(self: Arc<Self>) {
        while let Err(error) = self.prepare().await {
            tracing::warn!(%error, "not ready; trying again");
            tokio::time::sleep(RETRY).await;
        }
        tokio::join!(
            self.follow_keys(),
            self.make_keys(),
            self.sweep(),
            self.feed.note_followers()
        );
    }

    async fn sweep(&self) {
        loop {
            let pause = match self.identity.sweep(self.clock.now()).await {
                Ok(0) => SWEEP_INTERVAL,
                Ok(_) => SWEEP_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "what is over could not be swept away");
                    SWEEP_INTERVAL
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow_keys(&self) {
        let mut changes = self.identity.feed_changes();
        loop {
            // Either way the keys are looked at: somebody may have written, or a time has passed.
            drop(tokio::time::timeout(LOAD_INTERVAL, changes.changed()).await);
            if let Err(error) = self.load_keys().await {
                tracing::warn!(%error, "the signing keys could not be read");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Makes each key that is due: one of every algorithm, because clients register what their ID
    /// tokens are signed with. Beside the requests, and beside the reading: RSA keys take a while.
    async fn make_keys(&self) {
        let mut changes = self.identity.feed_changes();
        loop {
            if let Err(error) = self.make_due_keys().await {
                tracing::warn!(%error, "a signing key could not be made");
                tokio::time::sleep(RETRY).await;
            }
            drop(tokio::time::timeout(LOAD_INTERVAL, changes.changed()).await);
        }
    }

    /// Makes each key that is due now.
    ///
    /// # Errors
    /// [`KeyError`] when the store or the library fails; everything may be tried again.
    pub async fn make_due_keys(&self) -> Result<(), KeyError> {
        let wanted = self.config.tokens.algorithm;
        self.make_key(wanted).await?;
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != wanted) {
            self.make_key(algorithm).await?;
        }
        Ok(())
    }

    /// Makes the key of this algorithm, if it is due.
    async fn make_key(&self, algorithm: Algorithm) -> Result<(), KeyError> {
        let tokens = &self.config.tokens;
        if self.keys.due(tokens, algorithm, self.clock.now()).is_none() {
            return Ok(());
        }
        // One at a time: whoever waited here finds that it has been made.
        let _making = self.making.lock().await;
        let now = self.clock.now();
        let Some(due) = self.keys.due(tokens, algorithm, now) else { return Ok(()) };
        let event = |row: &KeyRow| keyring::unasked(row, now);
        let store = &*self.identity;
        keyring::add_key(store, &self.sealer, tokens, algorithm, due, now, event).await?;
        self.load_keys().await
    }

    /// The key to sign access tokens with at `now`. Keys that were read too long ago are read anew
    /// before.
    ///
    /// # Errors
    /// [`KeyError`] when no key signs, or the keys cannot be read.
    pub async fn access_key(&self, now: Time) -> Result<Arc<SigningKey>, KeyError> {
        self.read_in_time().await?;
        self.keys.signing_access(self.config.tokens.algorithm, now)
    }

    /// The key of just this algorithm, as [`Self::access_key`]. Whoever asks for the first one before
    /// it is made waits for it.
    ///
    /// # Errors
    /// [`KeyError`] when no key signs, or the keys cannot be read.
    pub async fn key_of(
        &self,
        algorithm: Algorithm,
        now: Time,
    ) -> Result<Arc<SigningKey>, KeyError> {
        self.read_in_time().await?;
        match self.keys.signing(algorithm, now) {
            Err(KeyError::Missing) => {
                self.make_key(algorithm).await?;
                // It is younger than the request that waited for it.
                self.keys.signing(algorithm, self.clock.now())
            }
            found => found,
        }
    }

    async fn read_in_time(&self) -> Result<(), KeyError> {
        let lead = Duration::from_secs(self.config.tokens.key_lead);
        if self.keys.is_current(lead, self.clock.now()) { Ok(()) } else { self.load_keys().await }
    }

    /// Reads the keys anew, and keeps the public ones for a start without the store.
    async fn load_keys(&self) -> Result<(), KeyError> {
        let before = self.keys.published();
        self.keys.load(&*self.identity, &self.sealer, self.clock.now()).await?;
        let after = self.keys.published();
        if !Arc::ptr_eq(&before, &after)
            && let Err(error) = published_keys::write(&self.data_dir, &after.to_jwks())
        {
            tracing::warn!(%error, "--data: the public keys could not be kept");
        }
        Ok(())
    }

    /// Whether anything is captured instead of sent.
    #[must_use]
    pub fn captures(&self) -> bool {
        self.config.mail.url == "capture" || self.config.sms.url == "capture"
    }

    /// Address of a page of this server.
    #[must_use]
    pub fn link(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.issuer)
    }
}
