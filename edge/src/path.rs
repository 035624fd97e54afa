//! One path, one meaning: what cannot be read in only one way is refused.
//!
//! The path that is judged is the path that is sent. So a path must mean the same to the policy's
//! rules and to every upstream, however that upstream decodes, splits or cleans paths. Refused
//! are: encoded slashes and backslashes, raw backslashes, dot segments (also encoded), empty
//! segments (`//`: some upstreams merge them, some do not), `;` parameters (also encoded), double
//! encoding, control characters, bytes outside ASCII, and broken percent-encoding.
//!
//! What is equivalent by RFC 3986 section 6.2.2 is written in one way instead: percent-encoded
//! letters, digits, `-`, `.`, `_` and `~` are decoded, hexadecimal digits are upper case. So
//! `/%61dmin` is judged, and sent, as `/admin`.

use std::borrow::Cow;

use jwks::facts::Malformed;

/// The longest path that is judged, in bytes.
pub const MAX_PATH: usize = 8 * 1024;

/// The canonical form of `path` (without query), borrowed when it already is canonical.
///
/// # Errors
/// [`Malformed::Path`] for a path that can be read in more than one way.
pub fn canonical(path: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if path.first() != Some(&b'/') || path.len() > MAX_PATH {
        return Err(Malformed::Path);
    }
    let mut rewritten: Option<Vec<u8>> = None;
    let mut segment = Segment::default();
    // The last two decoded bytes: `%` and a hexadecimal digit before another one would be an
    // escape that only a second decoding sees.
    let mut before = (0, 0);
    let mut at = 1;
    while at < path.len() {
        let byte = path[at];
        let start = at;
        let decoded = match byte {
            b'%' => {
                let (high, low) = (hex(path.get(at + 1)), hex(path.get(at + 2)));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(Malformed::Path);
                };
                at += 3;
                let decoded = high << 4 | low;
                if matches!(decoded, b'/' | b'\\' | b';') || decoded.is_ascii_control() {
                    return Err(Malformed::Path);
                }
                decoded
            }
            b'/' => {
                if !segment.is_plain() {
                    return Err(Malformed::Path);
                }
                segment = Segment::default();
                before = (0, 0);
                at += 1;
                if let Some(rewritten) = &mut rewritten {
                    rewritten.push(b'/');
                }
                continue;
            }
            b'\\' | b';' | b'?' | b'#' => return Err(Malformed::Path),
            0x21..=0x7e => {
                at += 1;
                byte
            }
            _ => return Err(Malformed::Path),
        };
        if before.0 == b'%' && is_hex(before.1) && is_hex(decoded) {
            return Err(Malformed::Path);
        }
        before = (before.1, decoded);
        segment.push(decoded);

        let raw = &path[start..at];
        if byte != b'%' {
            if let Some(rewritten) = &mut rewritten {
                rewritten.push(byte);
            }
            continue;
        }
        let unreserved = decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded);
        if unreserved || raw.iter().any(u8::is_ascii_lowercase) {
            let rewritten = rewritten.get_or_insert_with(|| path[..start].to_vec());
            if unreserved {
                rewritten.push(decoded);
            } else {
                rewritten.extend(raw.iter().map(u8::to_ascii_uppercase));
            }
        } else if let Some(rewritten) = &mut rewritten {
            rewritten.extend_from_slice(raw);
        }
    }
    // The last segment may be empty: `/a/` is one path, and `/` is the root.
    if segment.is_dots() {
        return Err(Malformed::Path);
    }
    match rewritten {
        None => std::str::from_utf8(path).map(Cow::Borrowed).map_err(|_| Malformed::Path),
        Some(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Malformed::Path),
    }
}

/// Path and query of a target in origin form; where it has no query, an empty one.
#[must_use]
pub fn split(target: &[u8]) -> (&[u8], &[u8]) {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &[]),
    }
}

/// The path by which a target is judged that is sent as it is: its [`canonical`] one, where the query
/// holds no control characters either and there is no fragment.
///
/// # Errors
/// [`Malformed::Path`] for a target that can be read in more than one way.
pub fn judged<'t>(
    path: &'t [u8],
    query: &[u8],
    has_fragment: bool,
) -> Result<Cow<'t, str>, Malformed> {
    let path = canonical(path)?;
    let is_plain = !has_fragment && !query.iter().any(u8::is_ascii_control);
    if is_plain { Ok(path) } else { Err(Malformed::Path) }
}

/// What has been seen of one segment, decoded.
#[derive(Default)]
struct Segment {
    length: usize,
    dots: usize,
}

impl Segment {
    fn push(&mut self, byte: u8) {
        self.length += 1;
        self.dots += usize::from(byte == b'.');
    }

    const fn is_dots(&self) -> bool {
        self.dots == self.length && (self.length == 1 || self.length == 2)
    }

    const fn is_plain(&self) -> bool {
        self.length > 0 && !self.is_dots()
    }
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    match byte? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_pass_as_they_are() {
        for path in [
            "/",
            "/a",
            "/a/",
            "/a/b.c",
            "/.well-known/x",
            "/...",
            "/a%20b",
            "/caf%C3%A9",
            "/user/foo%40bar.com",
            "/a:b@c!$&'()*+,=",
            "/100%25",
            "/100%25/ab",
            "/%25zz",
        ] {
            assert!(
                matches!(canonical(path.as_bytes()), Ok(Cow::Borrowed(same)) if same == path),
                "{path}"
            );
        }
    }

    #[test]
    fn equivalent_spellings_have_one_form() {
        for (path, wanted) in [
            ("/%61dmin", "/admin"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%2Db%5f%7e", "/a-b_~"),
            ("/file%2Etxt/x", "/file.txt/x"),
            ("/%41/b%20c", "/A/b%20c"),
        ] {
            assert_eq!(canonical(path.as_bytes()).as_deref(), Ok(wanted), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "",
            "a",
            "*",
            "http://x/",
            "//",
            "/a//b",
            "//evil",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a/../b",
            "/a/..",
            "/..",
            "/.",
            "/./a",
            "/a/%2e%2e/b",
            "/a/%2e",
            "/a/.%2E/b",
            "/%2e./",
            "/a;b",
            "/a;jsessionid=1/b",
            "/a%3bb",
            "/a%252fb",
            "/a%252e",
            "/%25%32%66",
            "/%2%35",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%00",
            "/a%0d%0a",
            "/a%7f",
            "/a b",
            "/a#b",
            "/a?b",
        ] {
            assert_eq!(canonical(path.as_bytes()), Err(Malformed::Path), "{path}");
        }
        for path in
            [&b"/a\0"[..], b"/a\x01", b"/a\x7f", b"/caf\xc3\xa9", b"/\xff", b"/a\tb", b"/a\r\nb"]
        {
            assert_eq!(canonical(path), Err(Malformed::Path), "{path:?}");
        }
    }

    #[test]
    fn a_path_over_the_limit_is_refused() {
        let mut path = vec![b'a'; MAX_PATH];
        path[0] = b'/';
        assert!(canonical(&path).is_ok());
        path.push(b'a');
        assert!(canonical(&path).is_err());
    }

    fn decode(path: &[u8]) -> Vec<u8> {
        percent_encoding::percent_decode(path).collect()
    }

    /// Strings that are dense in what matters to paths.
    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"/".to_vec()),
            Just(b".".to_vec()),
            Just(b"%2e".to_vec()),
            Just(b"%2f".to_vec()),
            Just(b"%25".to_vec()),
            Just(b"%5c".to_vec()),
            Just(b"%61".to_vec()),
            Just(b"%c3%a9".to_vec()),
            Just(b"%".to_vec()),
            Just(b"2".to_vec()),
            Just(b"e".to_vec()),
            Just(b"f".to_vec()),
            Just(b";".to_vec()),
            Just(b"\\".to_vec()),
            Just(b"admin".to_vec()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
            let mut path = b"/".to_vec();
            path.extend(pieces.concat());
            path
        })
    }

    proptest! {
        #[test]
        fn a_canonical_path_is_its_own_canonical_form(path in tricky()) {
            if let Ok(once) = canonical(&path) {
                prop_assert!(matches!(canonical(once.as_bytes()), Ok(Cow::Borrowed(same)) if same == once));
            }
        }

        #[test]
        fn a_canonical_path_decodes_to_what_was_asked(path in tricky()) {
            if let Ok(path_sent) = canonical(&path) {
                prop_assert_eq!(decode(path_sent.as_bytes()), decode(&path));
            }
        }

        #[test]
        fn decoding_a_canonical_path_moves_no_segment(path in tricky()) {
            if let Ok(sent) = canonical(&path) {
                let decoded = decode(sent.as_bytes());
                let raw: Vec<Vec<u8>> = sent.as_bytes().split(|byte| *byte == b'/').map(decode).collect();
                let cooked: Vec<Vec<u8>> = decoded.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
                prop_assert_eq!(&raw, &cooked);
                for segment in &cooked[1..cooked.len() - 1] {
                    prop_assert!(!segment.is_empty());
                }
                for segment in &cooked {
                    prop_assert!(segment != b"." && segment != b"..");
                    prop_assert!(!segment.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\'));
                }
                // Decoding a second time finds nothing more to decode.
                prop_assert_eq!(decode(&decoded), decoded);
            }
        }
    }
}
