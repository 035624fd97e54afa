//! Pictures of clients: fetched by the server, so that no page of ours calls a stranger, and nobody
//! hears from a browser who is signing in where (rule 32).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jwks::Time;
use tokio::sync::OnceCell;

use super::{OAuthError, OAuthResult, clients};
use crate::app::App;

/// How long a picture is shown before it is fetched again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one that could not be fetched is not asked for again.
const RETRY: Duration = Duration::from_secs(60);
/// How many are kept: of the largest size, 12 MiB.
const MOST: usize = 200;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Its media type.
    pub media: &'static str,
    /// It.
    pub bytes: Bytes,
}

/// The pictures that were fetched, by their addresses.
#[derive(Default)]
pub struct Logos {
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Clone)]
struct Kept {
    asked_at: Time,
    /// Filled by whoever asks first; everybody else waits for that.
    logo: Arc<OnceCell<Option<Logo>>>,
}

impl Kept {
    fn is_good(&self, now: Time) -> bool {
        let life = if matches!(self.logo.get(), Some(None)) { RETRY } else { KEPT };
        self.asked_at <= now && now.since(self.asked_at) < life
    }
}

impl Logos {
    /// The place of the picture at `uri`.
    fn place(&self, uri: &str, now: Time) -> Arc<OnceCell<Option<Logo>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(uri).filter(|found| found.is_good(now)) {
            return found.logo.clone();
        }
        if kept.len() >= MOST {
            kept.retain(|_, found| found.is_good(now));
        }
        if kept.len() >= MOST {
            let oldest = kept.iter().min_by_key(|(_, found)| found.asked_at);
            if let Some(uri) = oldest.map(|(uri, _)| uri.clone()) {
                kept.remove(&uri);
            }
        }
        let place = Kept { asked_at: now, logo: Arc::default() };
        kept.insert(uri.to_owned(), place.clone());
        place.logo
    }
}

/// The picture of a client.
///
/// # Errors
/// [`OAuthError::NotFound`] where it has none that can be shown.
pub async fn find(app: &App, client_id: &str) -> OAuthResult<Logo> {
    let client = clients::find(app, client_id).await?.ok_or(OAuthError::NotFound)?;
    let uri = client.metadata.logo_uri.as_deref().ok_or(OAuthError::NotFound)?;
    let place = app.logos.place(uri, app.clock.now());
    let fetch = async || match app.outgoing.get(uri).await {
        Ok(bytes) => media(&bytes).map(|media| Logo { media, bytes }),
        Err(error) => {
            tracing::info!(client_id, %error, "a client's logo could not be fetched");
            None
        }
    };
    place.get_or_init(fetch).await.clone().ok_or(OAuthError::NotFound)
}

/// What a picture is by its first bytes, whatever its server said. SVG is none: it is a document,
/// with scripts.
fn media(bytes: &[u8]) -> Option<&'static str> {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        _ if bytes.starts_with(b"\xff\xd8\xff") => Some("image/jpeg"),
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Some("image/gif"),
        _ if is_webp => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        for (bytes, found) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a..", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<!doctype html>", None),
            (b"", None),
        ] {
            assert_eq!(media(bytes), found, "{bytes:?}");
        }
    }

    #[test]
    fn pictures_are_few_and_those_that_failed_are_asked_for_again() {
        let logos = Logos::default();
        let at = Time::from_secs;
        let place = logos.place("https://a.example/", at(100));
        place.set(None).unwrap();
        assert!(Arc::ptr_eq(&place, &logos.place("https://a.example/", at(159))));
        assert!(!Arc::ptr_eq(&place, &logos.place("https://a.example/", at(160))));
        for number in 0..2 * MOST {
            logos.place(&format!("https://{number}.example/"), at(200));
        }
        assert_eq!(logos.kept.lock().unwrap().len(), MOST);
    }
}
