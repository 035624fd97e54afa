//! The clock of a world: the system's, put forward by what a file says.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Names the file to every process of the world.
pub const VARIABLE: &str = "SIGNALBOX_TEST_CLOCK";

/// The clock of a world.
pub struct Clock {
    file: PathBuf,
    offset_millis: AtomicU64,
}

impl Clock {
    /// A clock that is not put forward, kept in `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let clock = Self { file: dir.join("clock"), offset_millis: AtomicU64::new(0) };
        clock.write(0);
        clock
    }

    /// The file that holds the offset.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Puts the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        let offset = self.offset_millis.fetch_add(by, Ordering::SeqCst) + by;
        self.write(offset);
    }

    /// Seconds since the Unix epoch, in this world.
    #[must_use]
    pub fn secs(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (now + Duration::from_millis(self.offset_millis.load(Ordering::SeqCst))).as_secs()
    }

    /// A process that reads meanwhile sees the old or the new offset, whole.
    fn write(&self, offset_millis: u64) {
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, offset_millis.to_string()).unwrap();
        fs::rename(&fresh, &self.file).unwrap();
    }
}
