//! A mail server: a process of its own (`tests/smtp/server.py`), which reads what it is given
//! with a parser of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    process::{Process, until},
    world::{World, free_port, scratch},
};

/// Debian's, which has the library (package `python3-aiosmtpd`).
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/smtp/server.py");
/// Who may hand over mail, where that is asked.
const LOGIN: &str = "signalbox:swordfish";

/// A mail server, which can be stopped and started again.
pub struct Smtp {
    port: u16,
    dir: PathBuf,
    args: Vec<String>,
    scheme: &'static str,
    query: &'static str,
    login: &'static str,
    process: Option<Process>,
}

impl Smtp {
    /// One that takes everything. It is not started.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let dir = scratch(&format!("smtp-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(dir.join("mails")).unwrap();
        Self {
            port: free_port(),
            dir,
            args: Vec::new(),
            scheme: "smtp",
            query: "",
            login: "",
            process: None,
        }
    }

    /// One with further arguments.
    #[must_use]
    pub fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// One that takes mail from its user alone, over TLS: after STARTTLS (RFC 3207), or from the
    /// start (RFC 8314).
    #[must_use]
    pub fn encrypted(mut self, from_the_start: bool) -> Self {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        issue(&self.authority(), Path::new(&cert), Path::new(&key));
        self = self.with(&["--cert", &cert, "--key", &key, "--login", LOGIN]);
        self.login = "signalbox:swordfish@";
        if from_the_start {
            self.scheme = "smtps";
            return self.with(&["--implicit"]);
        }
        self.query = "?tls=required";
        self
    }

    /// The certificate of whoever vouches for the server's.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.dir.join("authority.pem")
    }

    /// `mail.url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}localhost:{}{}", self.scheme, self.login, self.port, self.query)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, and waits until it answers.
    #[must_use]
    pub async fn started(mut self) -> Self {
        self.start().await;
        self
    }

    /// Starts it, and waits until it answers.
    pub async fn start(&mut self) {
        let (port, folder) = (self.port.to_string(), self.dir.join("mails").display().to_string());
        let args = [SCRIPT, "--port", &port, "--folder", &folder].map(str::to_owned);
        let args: Vec<String> = args.into_iter().chain(self.args.clone()).collect();
        let log = self.dir.join("log");
        self.process = Some(Process::start(Path::new(PYTHON), &args, &[], &self.dir, &log));
        let greets = self.scheme == "smtp";
        until("the mail server answers", Duration::from_secs(20), async || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            let mut greeting = [0; 4];
            if greets {
                stream.read_exact(&mut greeting).await.ok()?;
            }
            (!greets || &greeting == b"220 ").then_some(())
        })
        .await;
    }

    /// Ends it. What it has kept stays.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Everything it has kept for `address`, in no order.
    ///
    /// # Panics
    /// When that cannot be read.
    #[must_use]
    pub fn mails(&self, address: &str) -> Vec<Value> {
        let files = fs::read_dir(self.dir.join("mails")).unwrap().map(|file| file.unwrap().path());
        let whole = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
        let mails = whole.map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap());
        mails.filter(|mail: &Value| mail["to"][0] == address).collect()
    }

    /// A mail to `address`, as soon as there is one.
    pub async fn mail(&self, address: &str) -> Value {
        until(&format!("mail to {address}"), Duration::from_secs(20), async || {
            self.mails(address).pop()
        })
        .await
    }

    /// The same, while the clock of `world` goes faster.
    pub async fn mail_in_time(&self, world: &mut World, address: &str) -> Value {
        until(&format!("mail to {address}"), Duration::from_secs(40), async || {
            world.advance(Duration::from_millis(200));
            self.mails(address).pop()
        })
        .await
    }
}

impl Default for Smtp {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.stop();
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The value of a mail's only header of this name.
///
/// # Panics
/// When there is none, or more than one.
#[must_use]
#[track_caller]
pub fn header_of<'m>(mail: &'m Value, name: &str) -> &'m str {
    let headers = mail["headers"].as_array().unwrap().iter();
    let found: Vec<&Value> =
        headers.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name)).collect();
    assert_eq!(found.len(), 1, "{name}: {mail:#}");
    found[0][1].as_str().unwrap()
}

/// Writes a certificate for `localhost`, its key, and the certificate of the authority that issued
/// it.
pub fn issue(authority: &Path, cert: &Path, key: &Path) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    fs::write(authority, params.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    fs::write(cert, own.signed_by(&own_key, &issuer).unwrap().pem()).unwrap();
    fs::write(key, own_key.serialize_pem()).unwrap();
}
