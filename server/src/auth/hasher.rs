//! Argon2id on a bounded pool (rule 19): a few threads, each with its own memory that it uses
//! again, and a short queue. The place in the pool belongs to the hashing and not to the request:
//! a caller who goes away frees nothing early.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization;

use crate::{clock::random, config::PasswordSection};

const OUTPUT: usize = 32;

/// Too many hashes are waiting; try again in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at this moment")]
pub struct Busy;

/// How a password compares with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// It is the password.
    pub matches: bool,
    /// The hash was made with other parameters than today's.
    pub outdated: bool,
}

enum Job {
    Hash { password: String, answer: oneshot::Sender<Option<String>> },
    Compare { password: String, stored: Option<String>, answer: oneshot::Sender<Compared> },
}

/// Hashes and compares passwords.
#[derive(Clone)]
pub struct Hasher {
    queue: mpsc::SyncSender<Job>,
}

impl Hasher {
    /// Starts the threads that `[password]` asks for.
    ///
    /// # Errors
    /// The message names the setting that argon2 refuses, or says that no thread could be made.
    pub fn start(section: &PasswordSection) -> Result<Self, String> {
        let params = Params::new(section.memory_kib, section.iterations, 1, Some(OUTPUT))
            .map_err(|error| format!("password.memory_kib or password.iterations: {error}"))?;
        let threads = match section.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)),
            set => set,
        };
        let (queue, jobs) = mpsc::sync_channel(section.queue);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let worker = Worker { params: params.clone(), memory: Vec::new() };
            let jobs = jobs.clone();
            std::thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || worker.work(&jobs))
                .map_err(|error| format!("no thread for password hashing: {error}"))?;
        }
        Ok(Self { queue })
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// [`Busy`] at once when the queue is full.
    pub async fn hash(&self, password: &str) -> Result<String, Busy> {
        let (answer, hashed) = oneshot::channel();
        let password = prepare(password);
        self.queue.try_send(Job::Hash { password, answer }).map_err(|_| Busy)?;
        hashed.await.ok().flatten().ok_or(Busy)
    }

    /// Whether `password` is the one of `stored`. Without a stored hash the same work is done,
    /// and the answer is no: nobody learns from the time whether an account exists.
    ///
    /// # Errors
    /// [`Busy`] at once when the queue is full.
    pub async fn compare(&self, password: &str, stored: Option<&str>) -> Result<Compared, Busy> {
        let (answer, compared) = oneshot::channel();
        let password = prepare(password);
        let stored = stored.map(ToOwned::to_owned);
        self.queue.try_send(Job::Compare { password, stored, answer }).map_err(|_| Busy)?;
        compared.await.map_err(|_| Busy)
    }
}

/// The same password typed on two keyboards is the same password.
fn prepare(password: &str) -> String {
    password.nfc().collect()
}

struct Worker {
    params: Params,
    memory: Vec<Block>,
}

impl Worker {
    fn work(mut self, jobs: &Mutex<mpsc::Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match job {
                // A caller that has gone is no reason to stop.
                Ok(Job::Hash { password, answer }) => {
                    let _gone = answer.send(self.hash(&password));
                }
                Ok(Job::Compare { password, stored, answer }) => {
                    let _gone = answer.send(self.compare(&password, stored.as_deref()));
                }
                Err(mpsc::RecvError) => return,
            }
        }
    }

    fn hash(&mut self, password: &str) -> Option<String> {
        let salt = random::<16>();
        let params = self.params.clone();
        let output = self.argon2(&params, password, &salt, OUTPUT)?;
        Some(
            PasswordHash {
                algorithm: Ident::new("argon2id").ok()?,
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).ok()?,
                salt: Some(Salt::new(&salt).ok()?),
                hash: Some(Output::new(&output).ok()?),
            }
            .to_string(),
        )
    }

    fn compare(&mut self, password: &str, stored: Option<&str>) -> Compared {
        let parsed = stored.and_then(|stored| PasswordHash::new(stored).ok());
        let known = parsed.as_ref().and_then(|hash| {
            let params = Params::try_from(hash).ok()?;
            (hash.algorithm.as_str() == "argon2id").then_some(())?;
            Some((params, hash.salt.as_ref()?, hash.hash.as_ref()?))
        });
        let Some((params, salt, wanted)) = known else {
            let params = self.params.clone();
            drop(self.argon2(&params, password, &[0; 16], OUTPUT));
            return Compared { matches: false, outdated: false };
        };
        let matches = self
            .argon2(&params, password, salt, wanted.len())
            .is_some_and(|output| verify_slices_are_equal(&output, wanted.as_bytes()).is_ok());
        let same = |of: fn(&Params) -> u32| of(&params) == of(&self.params);
        let current = same(Params::m_cost) && same(Params::t_cost) && same(Params::p_cost);
        Compared { matches, outdated: !current }
    }

    fn argon2(
        &mut self,
        params: &Params,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Option<Vec<u8>> {
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let mut output = vec![0; length];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(
                password.as_bytes(),
                salt,
                &mut output,
                &mut self.memory[..blocks],
            )
            .ok()?;
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> PasswordSection {
        PasswordSection { threads: 1, queue: 2, ..PasswordSection::default() }
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let hasher = Hasher::start(&section()).unwrap();
        let stored = hasher.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let right = hasher.compare("correct horse", Some(&stored)).await.unwrap();
        assert_eq!(right, Compared { matches: true, outdated: false });
        assert!(!hasher.compare("correct horsf", Some(&stored)).await.unwrap().matches);
        assert!(!hasher.compare("correct horse", None).await.unwrap().matches);
        assert!(!hasher.compare("correct horse", Some("nonsense")).await.unwrap().matches);
    }

    #[tokio::test]
    async fn a_hash_of_older_parameters_is_known_and_marked() {
        let old = PasswordSection { memory_kib: 8192, ..section() };
        let stored = Hasher::start(&old).unwrap().hash("correct horse").await.unwrap();
        let hasher = Hasher::start(&section()).unwrap();
        let compared = hasher.compare("correct horse", Some(&stored)).await.unwrap();
        assert_eq!(compared, Compared { matches: true, outdated: true });
    }

    #[tokio::test]
    async fn composed_and_decomposed_letters_are_one_password() {
        let hasher = Hasher::start(&section()).unwrap();
        let stored = hasher.hash("caf\u{e9} cr\u{e8}me").await.unwrap();
        let compared = hasher.compare("cafe\u{301} cre\u{300}me", Some(&stored)).await.unwrap();
        assert!(compared.matches);
    }

    #[tokio::test]
    async fn a_full_queue_answers_at_once() {
        let hasher = Hasher::start(&section()).unwrap();
        let tries: Vec<_> = (0..16)
            .map(|_| {
                let hasher = hasher.clone();
                async move { hasher.compare("correct horse", None).await }
            })
            .collect();
        let answers = futures_util::future::join_all(tries).await;
        assert!(answers.contains(&Err(Busy)));
        assert!(answers.iter().any(Result::is_ok));
    }
}
