//! Watches what comes on an HTTP/2 connection, frame by frame, before anybody works on it.
//!
//! The library that speaks HTTP/2 bounds what it keeps, but not what it is made to do: a caller may
//! open a request and reset it, again and again, or begin a header section and never end it. Both
//! are seen in the frames' nine-byte heads (RFC 9113 section 4.1).

use std::time::{Duration, Instant};

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The span in which frames that only cost are counted.
const SPAN: Duration = Duration::from_secs(10);
/// The longest header section, compressed, bytes. Uncompressed it is bounded elsewhere.
const MAX_SECTION: usize = 64 * 1024;

/// What is known of the frames of a connection.
#[derive(Debug)]
pub struct Frames {
    preface: usize,
    head: [u8; FRAME_HEAD],
    have: usize,
    skip: usize,
    section: Option<usize>,
    most: u32,
    count: u32,
    since: Instant,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abuse {
    /// Too many frames that only cost.
    Frames,
    /// A header section without end.
    Section,
}

impl Frames {
    /// The frames of a connection that begins now; `most` that only cost may come within ten
    /// seconds.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            preface: PREFACE,
            head: [0; FRAME_HEAD],
            have: 0,
            skip: 0,
            section: None,
            most,
            count: 0,
            since: Instant::now(),
        }
    }

    /// Whether something has begun that must end before long: the preface, or a header section.
    #[must_use]
    pub const fn is_within_head(&self) -> bool {
        self.preface > 0 || self.section.is_some()
    }

    /// Takes in what came.
    ///
    /// # Errors
    /// [`Abuse`].
    pub fn see(&mut self, mut bytes: &[u8]) -> Result<(), Abuse> {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (FRAME_HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == FRAME_HEAD {
                self.have = 0;
                self.frame()?;
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), Abuse> {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.skip = length;
        match kind {
            HEADERS | CONTINUATION => {
                let section = self.section.unwrap_or(0) + length;
                if section > MAX_SECTION {
                    return Err(Abuse::Section);
                }
                self.section = (flags & END_HEADERS == 0).then_some(section);
                // A continuation that brings nothing is only there to be counted.
                if kind == CONTINUATION && length == 0 { self.cost() } else { Ok(()) }
            }
            RST_STREAM | PRIORITY => self.cost(),
            SETTINGS | PING if flags & ACK == 0 => self.cost(),
            DATA if length == 0 && flags & END_STREAM == 0 => self.cost(),
            _ => Ok(()),
        }
    }

    fn cost(&mut self) -> Result<(), Abuse> {
        if self.since.elapsed() > SPAN {
            self.since = Instant::now();
            self.count = 0;
        }
        self.count += 1;
        if self.count > self.most { Err(Abuse::Frames) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend(vec![0xff; payload]);
        frame
    }

    fn begun(most: u32) -> Frames {
        let mut frames = Frames::new(most);
        assert!(frames.is_within_head());
        frames.see(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        assert!(!frames.is_within_head());
        frames
    }

    #[test]
    fn frames_that_only_cost_are_counted_and_others_are_not() {
        for (kind, flags, payload) in
            [(RST_STREAM, 0, 4), (PING, 0, 8), (SETTINGS, 0, 0), (PRIORITY, 0, 5), (DATA, 0, 0)]
        {
            let mut frames = begun(3);
            let bytes = frame(kind, flags, payload);
            for _ in 0..3 {
                frames.see(&bytes).unwrap();
            }
            assert_eq!(frames.see(&bytes), Err(Abuse::Frames), "{kind}");
        }
        let mut frames = begun(0);
        for (kind, flags, payload) in
            [(PING, ACK, 8), (SETTINGS, ACK, 0), (DATA, END_STREAM, 0), (DATA, 0, 9), (8, 0, 4)]
        {
            frames.see(&frame(kind, flags, payload)).unwrap();
        }
    }

    #[test]
    fn a_header_section_ends_or_is_too_long() {
        let mut frames = begun(3);
        frames.see(&frame(HEADERS, END_HEADERS, 100)).unwrap();
        assert!(!frames.is_within_head());
        frames.see(&frame(HEADERS, 0, 100)).unwrap();
        assert!(frames.is_within_head());
        frames.see(&frame(CONTINUATION, END_HEADERS, 100)).unwrap();
        assert!(!frames.is_within_head());
        frames.see(&frame(HEADERS, 0, 16_384)).unwrap();
        for _ in 0..3 {
            frames.see(&frame(CONTINUATION, 0, 16_384)).unwrap();
        }
        assert_eq!(frames.see(&frame(CONTINUATION, 0, 1)), Err(Abuse::Section));
        let mut frames = begun(3);
        frames.see(&frame(HEADERS, 0, 1)).unwrap();
        for _ in 0..3 {
            frames.see(&frame(CONTINUATION, 0, 0)).unwrap();
        }
        assert_eq!(frames.see(&frame(CONTINUATION, 0, 0)), Err(Abuse::Frames));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_frames_are_the_same(
            kinds in proptest::collection::vec((0_u8..10, 0_u8..=255, 0_usize..40), 0..20),
            cut in 1_usize..50,
        ) {
            let bytes: Vec<u8> =
                kinds.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, *payload)).collect();
            let mut whole = begun(5);
            let expected = whole.see(&bytes);
            let mut cut_up = begun(5);
            let found = bytes.chunks(cut).try_for_each(|part| cut_up.see(part));
            prop_assert_eq!(found, expected);
            if expected.is_ok() {
                prop_assert_eq!(cut_up.is_within_head(), whole.is_within_head());
            }
        }
    }
}
