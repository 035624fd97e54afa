//! Files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Lets `write_all` write the file at `path`, which its owner alone may read. After a crash at any moment
/// either what was there before or the new content is.
///
/// # Errors
/// The folder cannot be written, or `write_all` failed.
pub fn write(
    path: &Path,
    write_all: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let fresh = path.with_added_extension("new");
    // A name of its own is made anew each time, so that the mode is ours from the first byte.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    let mut file = BufWriter::new(file);
    write_all(&mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&fresh, path)?;
    // The new name is on the disk with its folder.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
