//! What has changed since the view on disk was saved: one line a change, written before the view
//! in memory changes. An edge that is killed at any moment knows afterwards what it knew.
//!
//! A line is in the system's hands and not on the disk: it outlives the process, and a power cut
//! only if the view was saved since, as it is within half a second.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jwks::feed::Entry;
use serde::{Deserialize, Serialize};

const FILE: &str = "edge-view.journal";
/// What is being saved with the view at this moment.
const ASIDE: &str = "edge-view.journal.aside";

#[derive(Deserialize)]
struct Line {
    epoch: String,
    entry: Entry,
}

#[derive(Serialize)]
struct LineOf<'a> {
    epoch: &'a str,
    entry: &'a Entry,
}

/// The journal of one edge.
pub struct Journal {
    data_dir: PathBuf,
    file: Option<File>,
}

impl Journal {
    /// The journal in `data_dir`.
    #[must_use]
    pub const fn new(data_dir: PathBuf) -> Self {
        Self { data_dir, file: None }
    }

    /// Appends changes of `epoch`. Where that fails, what was written of them may end in half a
    /// line, and the next changes begin a new one.
    ///
    /// # Errors
    /// The data folder cannot be written.
    pub fn append(&mut self, epoch: &str, entries: &[Entry]) -> io::Result<()> {
        // The last line of a process that was killed, or of a write that failed, may be half a
        // line: begin a new one.
        let mut lines = if self.file.is_none() { vec![b'\n'] } else { Vec::new() };
        for entry in entries {
            serde_json::to_writer(&mut lines, &LineOf { epoch, entry })?;
            lines.push(b'\n');
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let path = self.data_dir.join(FILE);
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                self.file.insert(file)
            }
        };
        let written = file.write_all(&lines);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    /// Sets what is written aside: the view that holds it is about to be saved. What a save that
    /// failed has left aside stays, and so does all that came after it.
    ///
    /// # Errors
    /// The data folder cannot be written.
    pub fn set_aside(&mut self) -> io::Result<()> {
        let aside = self.data_dir.join(ASIDE);
        if aside.exists() {
            return Ok(());
        }
        self.file = None;
        absent_is_well(fs::rename(self.data_dir.join(FILE), aside))
    }
}

/// Removes what was set aside: the view on disk holds it.
///
/// # Errors
/// The data folder cannot be written.
pub fn forget_aside(data_dir: &Path) -> io::Result<()> {
    absent_is_well(fs::remove_file(data_dir.join(ASIDE)))
}

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Kept {
    /// The changes that follow on the view, up to the first that is missing.
    pub entries: Vec<Entry>,
    /// Whether these are all that were written. Where they are not, an ending may be missing that
    /// was kept to by the process before.
    pub whole: bool,
}

/// The changes that follow on number `seq` of `epoch`.
///
/// # Errors
/// The files are there and cannot be read.
pub fn read(data_dir: &Path, epoch: &str, seq: u64) -> io::Result<Kept> {
    let mut kept = Kept { entries: Vec::new(), whole: true };
    for name in [ASIDE, FILE] {
        let file = match File::open(data_dir.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            if line.is_empty() {
                continue;
            }
            let Ok(line) = serde_json::from_slice::<Line>(&line) else {
                kept.whole = false;
                continue;
            };
            let wanted = kept.entries.last().map_or(seq, |entry| entry.seq) + 1;
            if line.epoch != epoch || line.entry.seq < wanted {
                continue;
            }
            if line.entry.seq == wanted {
                kept.entries.push(line.entry);
            } else {
                kept.whole = false;
            }
        }
    }
    Ok(kept)
}

fn absent_is_well(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jwks::{
        Time,
        cutoff::{CutOff, CutOffKind},
        feed::Change,
    };

    use super::*;

    fn entry(seq: u64) -> Entry {
        let at = Time::from_secs(1);
        let cut_off = CutOff { kind: CutOffKind::Session, id: seq.to_string(), at, until: at };
        Entry { seq, at, change: Change::CutOff(cut_off) }
    }

    fn seqs(dir: &Path, epoch: &str, seq: u64) -> Vec<u64> {
        read(dir, epoch, seq).unwrap().entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn what_follows_half_a_line_is_read_and_the_journal_is_not_called_whole() {
        let dir = std::env::temp_dir().join(crate::ids::decision_id());
        fs::create_dir(&dir).unwrap();
        let whole = |seq| read(&dir, "e", seq).unwrap().whole;
        let mut journal = Journal::new(dir.clone());
        journal.append("e", &[entry(1)]).unwrap();
        assert!(whole(0) && whole(1));
        // The disk is full after half a line of the second.
        let mut file = OpenOptions::new().append(true).open(dir.join(FILE)).unwrap();
        file.write_all(b"{\"epoch\":\"e\",\"ent").unwrap();
        journal.file = Some(OpenOptions::new().write(true).open("/dev/full").unwrap());
        journal.append("e", &[entry(2)]).unwrap_err();
        // Then there is room again.
        journal.append("e", &[entry(2)]).unwrap();
        assert_eq!(seqs(&dir, "e", 0), [1, 2]);
        assert!(!whole(0), "nobody knows what the half line was");
        journal.set_aside().unwrap();
        forget_aside(&dir).unwrap();
        journal.append("e", &[entry(3)]).unwrap();
        assert!(whole(2));
        // One that is missing altogether.
        assert!(!whole(1));
        assert!(seqs(&dir, "e", 1).is_empty());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_follows_on_the_saved_view_is_read_and_nothing_else() {
        let dir = std::env::temp_dir().join(crate::ids::decision_id());
        fs::create_dir(&dir).unwrap();
        assert!(seqs(&dir, "e", 0).is_empty());
        let mut journal = Journal::new(dir.clone());
        journal.append("e", &[entry(1), entry(2)]).unwrap();
        journal.append("of another epoch", &[entry(3)]).unwrap();
        assert_eq!(seqs(&dir, "e", 0), [1, 2]);
        // A save begins, changes come, and it ends badly.
        journal.set_aside().unwrap();
        journal.append("e", &[entry(3)]).unwrap();
        journal.set_aside().unwrap();
        journal.append("e", &[entry(4), entry(6)]).unwrap();
        assert_eq!(seqs(&dir, "e", 1), [2, 3, 4]);
        // The next one ends well, with all of them.
        forget_aside(&dir).unwrap();
        assert_eq!(seqs(&dir, "e", 2), [3, 4]);
        assert!(seqs(&dir, "e", 6).is_empty());
        journal.set_aside().unwrap();
        forget_aside(&dir).unwrap();
        journal.append("e", &[entry(7)]).unwrap();
        let mut file = OpenOptions::new().append(true).open(dir.join(FILE)).unwrap();
        file.write_all(b"{\"epoch\":\"e\",\"ent").unwrap();
        let mut next = Journal::new(dir.clone());
        next.append("e", &[entry(8)]).unwrap();
        assert_eq!(seqs(&dir, "e", 6), [7, 8]);
        fs::remove_dir_all(&dir).unwrap();
    }
}
