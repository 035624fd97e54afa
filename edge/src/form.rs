//! A form that was posted, as it is read, sealed and opened again: with a key that only the browser has
//! that posted it. When that happens is in [`crate::kept_form`].

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use jwks::site_session::LARGEST_FORM;
use pingora::{http::RequestHeader, proxy::Session};
use serde::{Deserialize, Serialize};

use crate::{flow::Flow, limits::Limits};

/// How long its arrival may take.
const ARRIVAL: Duration = Duration::from_secs(60);
/// The most that is said of it beside its body, bytes.
const LARGEST_HEAD: usize = 8 * 1024;
/// The fields that say what it is and where it was posted: apps compare them.
const FIELDS: [&str; 7] = [
    "content-type",
    "origin",
    "referer",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "sec-fetch-user",
];

/// A form as it was posted. Where to, the flow says that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Head {
    fields: Vec<(String, String)>,
}

/// Why a form is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoForm {
    /// It is larger than [`LARGEST_FORM`].
    TooLarge,
    /// It did not arrive in time, or not whole.
    Broken,
    /// Too many are on their way.
    NoRoom,
}

impl Form {
    /// Reads the form that a request posts, of at most so many bytes, and [`LARGEST_FORM`].
    ///
    /// # Errors
    /// [`NoForm`].
    pub async fn read(session: &mut Session, limits: &Limits, most: usize) -> Result<Self, NoForm> {
        let most = most.min(LARGEST_FORM);
        let begun = Instant::now();
        let request = session.req_header();
        let length = request.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(NoForm::TooLarge);
        }
        let fields = FIELDS
            .iter()
            .filter_map(|name| {
                let value = request.headers.get(*name)?.to_str().ok()?;
                Some(((*name).to_owned(), value.to_owned()))
            })
            .collect();
        let arrival = async {
            let mut body = Vec::new();
            while let Some(chunk) = session.read_request_body().await.map_err(|_| NoForm::Broken)? {
                if body.len() + chunk.len() > most {
                    return Err(NoForm::TooLarge);
                }
                body.extend_from_slice(&chunk);
                if limits.is_too_slow(body.len() as u64, begun.elapsed()) {
                    return Err(NoForm::Broken);
                }
            }
            Ok(Bytes::from(body))
        };
        let body = tokio::time::timeout(ARRIVAL, arrival).await.map_err(|_| NoForm::Broken)??;
        Ok(Self { fields, body })
    }

    /// Seals it for the browser that holds `flow`. `None`: it says too much of itself.
    #[must_use]
    pub fn seal(&self, flow: &Flow, site_key: &str) -> Option<Vec<u8>> {
        let head = serde_json::to_vec(&Head { fields: self.fields.clone() }).ok()?;
        if head.len() > LARGEST_HEAD {
            return None;
        }
        let mut sealed = Vec::with_capacity(4 + head.len() + self.body.len() + 16);
        sealed.extend_from_slice(&u32::try_from(head.len()).ok()?.to_be_bytes());
        sealed.extend_from_slice(&head);
        sealed.extend_from_slice(&self.body);
        let about = about(flow, site_key);
        key(flow)?.seal_in_place_append_tag(once(), Aad::from(about), &mut sealed).ok()?;
        Some(sealed)
    }

    /// Opens what was sealed for this flow at this site. `None`: it is something else.
    #[must_use]
    pub fn open(mut sealed: Vec<u8>, flow: &Flow, site_key: &str) -> Option<Self> {
        let about = about(flow, site_key);
        let plain = key(flow)?.open_in_place(once(), Aad::from(about), &mut sealed).ok()?;
        let (length, rest) = plain.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (head, body) = rest.split_at_checked(length)?;
        let Head { fields } = serde_json::from_slice(head).ok()?;
        Some(Self { fields, body: Bytes::copy_from_slice(body) })
    }

    /// Makes `request`, by which the browser came back, the one by which it was posted.
    ///
    /// # Errors
    /// Only where pingora cannot take a field that it took before.
    pub fn dress(&self, request: &mut RequestHeader) -> pingora::Result<()> {
        for name in FIELDS {
            request.remove_header(name);
        }
        for (name, value) in &self.fields {
            let field = HeaderName::try_from(name.as_str()).ok();
            if let (Some(name), Ok(value)) = (field, HeaderValue::try_from(value.as_str())) {
                request.insert_header(name, value)?;
            }
        }
        request.remove_header(&header::TRANSFER_ENCODING);
        request.insert_header(header::CONTENT_LENGTH, self.body.len())
    }
}

/// The key seals one form, once.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn key(flow: &Flow) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &flow.kept_key()).ok().map(LessSafeKey::new)
}

fn about(flow: &Flow, site_key: &str) -> Vec<u8> {
    format!("signalbox form 1\n{site_key}\n{}", flow.target).into_bytes()
}

#[cfg(test)]
mod tests {
    use jwks::Time;

    use super::*;
    use crate::flow::Phase;

    fn flow(target: &str) -> Flow {
        Flow::begin(Phase::Kept, target.to_owned(), Time::from_secs(1_800_000_000)).unwrap()
    }

    fn form() -> Form {
        Form {
            fields: vec![
                ("content-type".into(), "application/x-www-form-urlencoded".into()),
                ("origin".into(), "https://wiki.example".into()),
            ],
            body: Bytes::from_static(b"amount=1&to=ada"),
        }
    }

    #[test]
    fn a_form_is_opened_with_the_key_of_its_browser_at_its_own_site_alone() {
        let (mine, theirs) = (flow("/pay"), flow("/pay"));
        let sealed = form().seal(&mine, "wiki").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"amount"));
        assert_eq!(Form::open(sealed.clone(), &mine, "wiki"), Some(form()));
        assert_eq!(Form::open(sealed.clone(), &theirs, "wiki"), None);
        assert_eq!(Form::open(sealed.clone(), &mine, "pay"), None);
        assert_eq!(Form::open(sealed.clone(), &mine.towards("/other"), "wiki"), None);
        for at in [0, 5, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(Form::open(changed, &mine, "wiki"), None);
        }
        assert_eq!(Form::open(Vec::new(), &mine, "wiki"), None);
    }

    #[test]
    fn the_app_sees_the_request_as_it_was_posted() {
        let mut request = RequestHeader::build("POST", b"/pay", None).unwrap();
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("referer", "https://id.example/"),
            ("cookie", "theme=dark"),
        ] {
            request.append_header(name, value).unwrap();
        }
        form().dress(&mut request).unwrap();
        let fields = &request.headers;
        assert_eq!(fields["origin"], "https://wiki.example");
        assert_eq!(fields["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(fields["content-length"], "15");
        assert_eq!(fields["cookie"], "theme=dark");
        assert!(!fields.contains_key("referer") && !fields.contains_key("sec-fetch-site"));
    }
}
