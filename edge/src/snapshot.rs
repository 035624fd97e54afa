//! The view on disk: what an edge starts from when the server is away.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jwks::{Time, feed::Snapshot};
use serde::{Deserialize, Serialize};

use crate::whole_file;

const FILE: &str = "edge-view.json";

/// A view and when it was last known to be current, by the clock of the edge that wrote it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved<S> {
    /// When the view was last known to be current.
    pub confirmed_at: Time,
    /// The view, or the snapshot that gives it.
    pub snapshot: S,
}

/// Reads what was saved; `None` where nothing was.
///
/// # Errors
/// The file is there and cannot be read or understood.
pub fn load(data_dir: &Path) -> io::Result<Option<Saved<Snapshot>>> {
    match fs::read(path(data_dir)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Saves, so that after a crash at any moment either the old or the new view is there.
///
/// # Errors
/// The data folder cannot be written.
pub fn save(data_dir: &Path, saved: &Saved<impl Serialize>) -> io::Result<()> {
    whole_file::write(&path(data_dir), |file| Ok(serde_json::to_writer(file, saved)?))
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jwks::view::View;

    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_only_the_owner_may_read_it() {
        let dir = std::env::temp_dir().join(crate::ids::decision_id());
        fs::create_dir(&dir).unwrap();
        assert!(load(&dir).unwrap().is_none());
        let snapshot = Snapshot {
            seq: 7,
            epoch: "e".into(),
            issuer: "https://issuer.test".into(),
            keys: serde_json::from_str(r#"{"keys":[]}"#).unwrap(),
            sites: vec![],
            cut_offs: vec![],
            key_holders: vec![],
            more_keys: false,
        };
        for seq in [7, 8] {
            let snapshot = Snapshot { seq, ..snapshot.clone() };
            save(&dir, &Saved { confirmed_at: Time::from_millis(5), snapshot }).unwrap();
        }
        let loaded = load(&dir).unwrap().unwrap();
        assert_eq!(loaded.confirmed_at, Time::from_millis(5));
        assert_eq!(View::from_snapshot(loaded.snapshot).seq, 8);
        let mode = fs::metadata(path(&dir)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(path(&dir), "{\"half\":").unwrap();
        assert!(load(&dir).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
