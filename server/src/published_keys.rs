//! The public keys in the data folder: a server that starts while its identity store is away
//! serves those it read last (rule 36).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jwks::key_set::JwkSet;

const FILE: &str = "public-keys.json";

/// What was kept; nothing where nothing was, or where it cannot be read: the store knows better.
#[must_use]
pub fn read(data_dir: &Path) -> JwkSet {
    let kept = fs::read(path(data_dir)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    kept.unwrap_or(JwkSet { keys: Vec::new() })
}

/// Keeps `keys`: whoever reads meanwhile sees the old or the new set, whole.
///
/// # Errors
/// The data folder cannot be written.
pub fn write(data_dir: &Path, keys: &JwkSet) -> io::Result<()> {
    let target = path(data_dir);
    let fresh = target.with_extension("json.new");
    fs::write(&fresh, serde_json::to_vec(keys)?)?;
    fs::rename(&fresh, &target)
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}
