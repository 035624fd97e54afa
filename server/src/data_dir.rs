//! The data folder: who may look into it, and the sealing key that is made there.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{clock, config::Problem};

/// How to make a sealing key.
pub const KEY_RECIPE: &str = "openssl rand -base64 32 | tr '+/' '-_' | tr -d '='";

const KEY_FILE: &str = "sealing.key";
const LOCK_FILE: &str = "lock";

/// Why a text is not a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakKey {
    /// Not base64url, or of another length.
    #[error("is not 32 bytes in base64url")]
    Form,
    /// One that a person or an example chose.
    #[error("is a default: its bytes are not random")]
    Default,
}

/// Reads a sealing key: 32 random bytes in base64url.
///
/// # Errors
/// [`WeakKey`]: it has another form, or its bytes repeat as those of random keys never do.
pub fn parse_sealing_key(text: &str) -> Result<[u8; 32], WeakKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| WeakKey::Form)?;
    let key: [u8; 32] = bytes.try_into().map_err(|_| WeakKey::Form)?;
    let mut seen = key;
    seen.sort_unstable();
    // 32 random bytes have fewer than 16 different ones once in 10^14.
    let different = 1 + seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if different < 16 { Err(WeakKey::Default) } else { Ok(key) }
}

/// A data folder that exists and that only its owner looks into.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Makes sure of the folder, mode 0700.
    ///
    /// # Errors
    /// A [`Problem`] of `--data`: it cannot be made, is no folder, or is open to others.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let wrong = |error: io::Error| {
            Problem::new(
                "--data",
                format!("{}: {error}", path.display()),
                "name a folder that this user may write",
            )
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)?;
        if !fs::metadata(path).map_err(wrong)?.is_dir() {
            return Err(Problem::new(
                "--data",
                format!("{} is not a folder", path.display()),
                "name a folder",
            ));
        }
        if open_to_others(path).map_err(wrong)? {
            return Err(Problem::new(
                "--data",
                format!("{} is open to others than its owner", path.display()),
                format!("chmod 700 {}", path.display()),
            ));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// What is wrong with the folder at `path` and the key in it, without making either.
    #[must_use]
    pub fn inspect(path: &Path, configured: Option<&str>) -> Vec<Problem> {
        if !path.exists() {
            return Vec::new();
        }
        match Self::open(path) {
            Ok(data) if configured.is_none() && path.join(KEY_FILE).exists() => {
                data.sealing_key(None).err().into_iter().collect()
            }
            Ok(_) => Vec::new(),
            Err(problem) => vec![problem],
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sealing key: `configured` where it is set, else the one kept here, made now if there
    /// is none yet.
    ///
    /// # Errors
    /// A [`Problem`] of `server.sealing_key`: it is weak, or its file cannot be used or is open
    /// to others.
    pub fn sealing_key(&self, configured: Option<&str>) -> Result<[u8; 32], Problem> {
        const SETTING: &str = "server.sealing_key";
        if let Some(text) = configured {
            return parse_sealing_key(text)
                .map_err(|weak| Problem::new(SETTING, weak.to_string(), KEY_RECIPE));
        }
        let file = self.path.join(KEY_FILE);
        let wrong = |what: String| {
            Problem::new(
                SETTING,
                format!("{}: {what}", file.display()),
                "put the file back from a backup: what it sealed cannot be read without it",
            )
        };
        if !file.exists() {
            self.make_key(&file).map_err(|error| wrong(error.to_string()))?;
        }
        if open_to_others(&file).map_err(|error| wrong(error.to_string()))? {
            return Err(Problem::new(
                SETTING,
                format!("{} can be read by others than its owner", file.display()),
                format!("chmod 600 {}", file.display()),
            ));
        }
        let text = fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        parse_sealing_key(text.trim_end()).map_err(|weak| wrong(weak.to_string()))
    }

    /// Writes a new key whole or not at all: a crash must not leave half a key behind.
    fn make_key(&self, file: &Path) -> io::Result<()> {
        let draft = self.path.join(format!("{KEY_FILE}.{}", std::process::id()));
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        options.mode(0o600);
        let mut out = options.open(&draft)?;
        writeln!(out, "{}", URL_SAFE_NO_PAD.encode(clock::random::<32>()))?;
        out.sync_all()?;
        fs::rename(&draft, file)?;
        File::open(&self.path)?.sync_all()
    }

    /// Takes the folder for this process alone, until the lock is dropped; `None` when another
    /// process has it after `patience`.
    ///
    /// # Errors
    /// A [`Problem`] of `--data`: the lock file cannot be used.
    pub fn lock(&self, patience: Duration) -> Result<Option<Lock>, Problem> {
        let path = self.path.join(LOCK_FILE);
        let wrong = |error: io::Error| {
            Problem::new(
                "--data",
                format!("{}: {error}", path.display()),
                "name a folder on a disk of this machine that this user may write",
            )
        };
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        options.mode(0o600);
        let file = options.open(&path).map_err(wrong)?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(wrong(error)),
            }
        }
    }
}

/// The data folder belongs to this process. The system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn open_to_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A data folder that is gone when the test is over.
    pub(crate) struct Scratch(pub(crate) PathBuf);

    impl Scratch {
        pub(crate) fn new() -> Self {
            Self(std::env::temp_dir().join(format!("signalbox-{}", uuid::Uuid::new_v4())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_and_its_key_are_for_their_owner_alone() {
        let scratch = Scratch::new();
        let data = DataDir::open(&scratch.0).unwrap();
        let key = data.sealing_key(None).unwrap();
        assert_eq!(mode(&scratch.0), 0o700);
        assert_eq!(mode(&scratch.0.join("sealing.key")), 0o600);
        assert_eq!(DataDir::open(&scratch.0).unwrap().sealing_key(None).unwrap(), key);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let scratch = Scratch::new();
        let data = DataDir::open(&scratch.0).unwrap();
        data.sealing_key(None).unwrap();
        let file = scratch.0.join("sealing.key");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let problem = data.sealing_key(None).unwrap_err();
        assert_eq!(problem.setting, "server.sealing_key");
        assert_eq!(problem.remedy, format!("chmod 600 {}", file.display()));
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let scratch = Scratch::new();
        DataDir::open(&scratch.0).unwrap();
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(DataDir::open(&scratch.0).unwrap_err().setting, "--data");
    }

    #[test]
    fn a_broken_key_is_not_replaced() {
        let scratch = Scratch::new();
        let data = DataDir::open(&scratch.0).unwrap();
        data.sealing_key(None).unwrap();
        fs::write(scratch.0.join("sealing.key"), "").unwrap();
        assert_eq!(data.sealing_key(None).unwrap_err().setting, "server.sealing_key");
    }

    #[test]
    fn the_folder_belongs_to_one_at_a_time() {
        let scratch = Scratch::new();
        let data = DataDir::open(&scratch.0).unwrap();
        let lock = data.lock(Duration::ZERO).unwrap();
        assert!(lock.is_some());
        assert!(data.lock(Duration::ZERO).unwrap().is_none());
        drop(lock);
        assert!(data.lock(Duration::ZERO).unwrap().is_some());
    }
}
