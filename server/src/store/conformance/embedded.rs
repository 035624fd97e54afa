//! The suite on the embedded pair.

use std::path::PathBuf;

use uuid::Uuid;

use super::Pair;
use crate::store::embedded::Embedded;

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// A pair in a folder of its own.
pub(super) async fn fresh() -> Pair {
    let folder = Folder(std::env::temp_dir().join(format!("signalbox-{}", Uuid::new_v4())));
    let store = Embedded::open(&folder.0).unwrap();
    Pair { identity: store.clone(), sessions: store, _ground: Box::new(folder) }
}

super::instantiate!(crate::store::conformance::embedded::fresh);
