//! What the edge holds: the view, and beside each site what is made of it once instead of with
//! every request.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::{ArcSwapOption, Guard};
use jwks::{
    Time,
    policy::OnStale,
    site::{Site, SiteStatus},
    view::View,
};
use tokio::sync::watch;

use crate::{brand::Brand, metrics::SiteFigures, upstream::Pool};

/// A view and what was made of its sites. Immutable, swapped whole.
pub struct Holding {
    /// The view.
    pub view: View,
    sites: HashMap<Box<str>, Arc<Served>>,
}

/// One site, ready to be served.
pub struct Served {
    site: Arc<Site>,
    /// Where its requests go.
    pub pool: Arc<Pool>,
    /// Its figures.
    pub figures: SiteFigures,
    /// Its name in `WWW-Authenticate`, fit for a quoted string.
    pub realm: String,
    /// How its pages look.
    pub brand: Brand,
}

impl Holding {
    /// Makes `view` ready, taking over from `before` what did not change: upstreams with what is
    /// known of them, and figures.
    #[must_use]
    pub fn new(view: View, before: Option<&Self>) -> Self {
        let sites = view
            .sites()
            .map(|site| {
                let known = before.and_then(|before| before.site(&site.site_key));
                let served = match known {
                    Some(known) if known.site == *site => known.clone(),
                    _ => Arc::new(Served::new(site, known.map(|known| &known.pool))),
                };
                (site.site_key.as_str().into(), served)
            })
            .collect();
        Self { view, sites }
    }

    /// The site called `site_key`.
    #[must_use]
    pub fn site(&self, site_key: &str) -> Option<&Arc<Served>> {
        self.sites.get(site_key)
    }

    /// The upstreams of all sites that are served.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        let is_served = |served: &&Arc<Served>| served.site.status == SiteStatus::Active;
        self.sites.values().filter(is_served).map(|served| &served.pool)
    }

    /// The shortest staleness that an active site of this view tolerates, milliseconds.
    #[must_use]
    pub fn tolerance_millis(&self) -> Option<u64> {
        self.view
            .sites()
            .filter(|site| {
                site.status == SiteStatus::Active && site.policy.on_stale == OnStale::Deny
            })
            .map(|site| site.policy.max_staleness.saturating_mul(1000))
            .min()
    }
}

impl Served {
    /// The site.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Makes `site` ready; `pool`: its upstreams, as far as they are known already.
    #[must_use]
    pub fn new(site: &Arc<Site>, pool: Option<&Arc<Pool>>) -> Self {
        let kept = pool.filter(|pool| pool.is_of(site)).cloned();
        let pool = kept.unwrap_or_else(|| Arc::new(Pool::new(site)));
        let name = if site.name.is_empty() { &site.base_url } else { &site.name };
        let realm = name
            .chars()
            .filter(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\'))
            .collect();
        Self {
            site: site.clone(),
            pool,
            figures: SiteFigures::register(&site.site_key),
            realm,
            brand: Brand::of(site),
        }
    }
}

/// The place where the current [`Holding`] is, shared by all threads.
pub struct Held {
    current: ArcSwapOption<Holding>,
    confirmed_at: AtomicI64,
    arrived: watch::Sender<bool>,
    heard: watch::Sender<bool>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            current: ArcSwapOption::empty(),
            confirmed_at: AtomicI64::new(0),
            arrived: watch::Sender::new(false),
            heard: watch::Sender::new(false),
        }
    }
}

impl Held {
    /// What is held now; `None` before the first view.
    #[must_use]
    pub fn load(&self) -> Guard<Option<Arc<Holding>>> {
        self.current.load()
    }

    /// What is held now, to be kept for a while; `None` before the first view.
    #[must_use]
    pub fn load_full(&self) -> Option<Arc<Holding>> {
        self.current.load_full()
    }

    /// Swaps in `view`, current as of `confirmed_at`.
    pub fn replace(&self, view: View, confirmed_at: Time) {
        let before = self.current.load_full();
        let next = Holding::new(view, before.as_deref());
        self.current.store(Some(Arc::new(next)));
        self.confirm(confirmed_at);
        self.arrived.send_replace(true);
    }

    /// Notes that at `now` the view was current.
    pub fn confirm(&self, now: Time) {
        self.confirmed_at.store(now.millis(), Ordering::Release);
    }

    /// When the view was last known to be current, by the edge's own clock.
    #[must_use]
    pub fn confirmed_at(&self) -> Time {
        Time::from_millis(self.confirmed_at.load(Ordering::Acquire))
    }

    /// Changes with every view that is swapped in.
    #[must_use]
    pub fn swaps(&self) -> watch::Receiver<bool> {
        self.arrived.subscribe()
    }

    /// Notes that the server has spoken: what is held is no longer a memory from disk.
    pub fn note_heard(&self) {
        self.heard.send_if_modified(|heard| !std::mem::replace(heard, true));
    }

    /// Waits until the server has spoken.
    pub async fn first_word(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.heard.subscribe().wait_for(|heard| *heard).await;
    }

    /// Waits for the first view.
    pub async fn first_view(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.arrived.subscribe().wait_for(|arrived| *arrived).await;
    }
}
