//! Settings with which nothing starts: each is refused by name, with the remedy, before anything
//! is written.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use tests::{
    command::binary,
    process::Process,
    stores::Stores,
    world::{Kind, variable},
};

const SEALING_KEY: &str = "pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk";
/// The exit status of a command that was asked for what cannot be.
const USAGE: i32 = 2;
/// How long a start may take to be refused.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("signalbox-refusals-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Where a setting stands.
enum In {
    Environment(&'static [(&'static str, &'static str)]),
    /// In a file named by the variable of the setting and `_FILE`, of this mode.
    Secret(&'static str, &'static str, u32),
    /// In the settings file, of this mode.
    File(&'static str, u32),
}

use In::{Environment, File, Secret};

struct Case {
    settings: In,
    /// The setting that is named.
    named: &'static str,
    /// What the remedy says.
    remedy: &'static str,
    /// Whether it is an edge's as well.
    of_edge: bool,
}

const fn case(settings: In, named: &'static str, remedy: &'static str) -> Case {
    Case { settings, named, remedy, of_edge: false }
}

const CASES: &[Case] = &[
    // Secrets: default, short, readable by everybody.
    case(Environment(&[("server.sealing_key", "changeme")]), "server.sealing_key", "openssl rand"),
    case(
        Environment(&[("server.sealing_key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]),
        "server.sealing_key",
        "openssl rand",
    ),
    case(Secret("server.sealing_key", SEALING_KEY, 0o644), "server.sealing_key", "chmod 600"),
    case(
        File("[server]\nsealing_key = \"pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk\"\n", 0o644),
        "server.sealing_key",
        "chmod 600",
    ),
    case(
        Environment(&[("identity.url", "postgres://signalbox:postgres@db.example.com/signalbox")]),
        "identity.url",
        "random characters",
    ),
    case(
        Environment(&[("sessions.url", "redis://:short@redis.example.com")]),
        "sessions.url",
        "random characters",
    ),
    case(Secret("sms.secret", "the gateway's", 0o644), "sms.secret", "chmod 600"),
    case(
        File(
            "[sms]\nurl = \"https://sms.example.com\"\nheaders = \"Key: {secret}\"\n\
             secret = \"the gateway's\"\n",
            0o644,
        ),
        "sms.secret",
        "chmod 600",
    ),
    // Codes in plaintext over a network, and gateways that are not described.
    case(Environment(&[("sms.url", "http://10.1.2.3/send")]), "sms.url", "https://"),
    case(
        Environment(&[("sms.url", "https://sms.example.com"), ("sms.body", "{\"to\":{to}}")]),
        "sms.body",
        "{text}",
    ),
    case(
        Environment(&[("identity.url", "postgres://db.example.com/signalbox")]),
        "server.sealing_key",
        "openssl rand",
    ),
    Case {
        settings: Environment(&[("edge.credential", "secret")]),
        named: "edge.credential",
        remedy: "create-edge",
        of_edge: true,
    },
    Case {
        settings: Secret("edge.credential", "secret", 0o606),
        named: "edge.credential",
        remedy: "chmod 600",
        of_edge: true,
    },
    case(
        Environment(&[("server.tls_cert", "/nonexistent/cert.pem")]),
        "server.tls_key",
        "set both",
    ),
    case(
        Environment(&[
            ("server.tls_cert", "/nonexistent/cert.pem"),
            ("server.tls_key", "/nonexistent/key.pem"),
        ]),
        "server.tls_cert",
        "PEM files",
    ),
    // The issuer and its listener.
    case(
        Environment(&[("server.public_url", "http://login.example.com")]),
        "server.public_url",
        "https://login.example.com",
    ),
    case(
        Environment(&[
            ("server.listen", "0.0.0.0:8080"),
            ("server.public_url", "http://localhost:8080"),
            ("mail.url", "smtps://mail.example.com"),
        ]),
        "server.public_url",
        "published_on_loopback",
    ),
    // Captured mail where others than this machine come in.
    case(
        Environment(&[
            ("server.listen", "0.0.0.0:8080"),
            ("server.public_url", "https://login.example.com"),
        ]),
        "mail.url",
        "smtps://",
    ),
    case(Environment(&[("mail.url", "smtp://mail.example.com")]), "mail.url", "tls=required"),
    // Whom to believe.
    case(
        Environment(&[("server.trusted_proxies", "[\"0.0.0.0/0\"]")]),
        "server.trusted_proxies",
        "your own proxies",
    ),
    case(
        File("[server]\ntrusted_proxies = [\"::/0\"]\n", 0o644),
        "server.trusted_proxies",
        "your own proxies",
    ),
    Case {
        settings: Environment(&[("edge.trusted_proxies", "[\"0.0.0.0/0\"]")]),
        named: "edge.trusted_proxies",
        remedy: "your own proxies",
        of_edge: true,
    },
    // Beyond what the contract allows.
    case(Environment(&[("tokens.login_ttl", "601")]), "tokens.login_ttl", "1 to 600"),
    case(Environment(&[("limits.code_per_factor", "11")]), "limits.code_per_factor", "1 to 10"),
    case(Environment(&[("limits.code_lock", "101")]), "limits.code_lock", "1 to 100"),
    case(Environment(&[("password.memory_kib", "1024")]), "password.memory_kib", "19456"),
    case(
        Environment(&[("limits.password_per_account", "11")]),
        "limits.password_per_account",
        "1 to 10",
    ),
    case(Environment(&[("password.iterations", "1")]), "password.iterations", "2 to 100"),
    case(Environment(&[("password.min_length", "4")]), "password.min_length", "8 to 64"),
    case(Environment(&[("tokens.access_ttl", "0")]), "tokens.access_ttl", "1 to 86400"),
    // A key that would sign while clients still keep a set without it.
    case(Environment(&[("tokens.key_lead", "300")]), "tokens.key_lead", "335"),
    // What no part can use.
    case(Environment(&[("server.public_url", "ftp://localhost")]), "server.public_url", "https://"),
    case(
        Environment(&[("server.public_url", "http://localhost/path")]),
        "server.public_url",
        "scheme, host and port alone",
    ),
    case(Environment(&[("server.sealing_key", "")]), "server.sealing_key", "openssl rand"),
    case(Environment(&[("identity.url", "mysql://localhost/x")]), "identity.url", "postgres://"),
    case(Environment(&[("sessions.url", "localhost:6379")]), "sessions.url", "redis://"),
    case(Environment(&[("mail.url", "http://mail.example.com")]), "mail.url", "smtps://"),
    // What does not exist.
    Case {
        settings: File("[server]\nlisen = \"127.0.0.1:0\"\n", 0o644),
        named: "server.lisen",
        remedy: "did you mean `server.listen`",
        of_edge: true,
    },
    Case {
        settings: Environment(&[("limits.code_lokc", "3")]),
        named: "limits.code_lokc",
        remedy: "did you mean `limits.code_lock`",
        of_edge: true,
    },
    case(
        Environment(&[("telemetry.otlp_url", "http://127.0.0.1:4318/v1/traces")]),
        "telemetry.otlp_url",
        "--features otel",
    ),
];

impl Case {
    /// The arguments and the environment by which its settings are given.
    fn given(&self, folder: &Folder) -> (Vec<String>, Vec<(String, String)>) {
        match self.settings {
            Environment(settings) => {
                let set = |(name, value): &(&str, &str)| (variable(name), (*value).to_owned());
                (vec![], settings.iter().map(set).collect())
            }
            Secret(setting, secret, mode) => {
                let file = folder.file("secret", secret, mode);
                (vec![], vec![(format!("{}_FILE", variable(setting)), file)])
            }
            File(text, mode) => {
                (vec!["--config".into(), folder.file("settings.toml", text, mode)], vec![])
            }
        }
    }
}

/// What a start says that ends by itself, as it must.
async fn refusal(folder: &Folder, args: &[String], env: &[(String, String)]) -> String {
    let log = folder.0.join("log");
    drop(fs::remove_file(&log));
    let mut process = Process::start(&binary(), args, env, &folder.0, &log);
    let status = process.wait(PATIENCE).await;
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(status.code(), Some(USAGE), "{args:?} with {env:?}: {said}");
    said
}

#[tokio::test]
async fn unsound_settings_are_refused_by_name_before_anything_is_written() {
    let folder = Folder::new("table");
    let data = folder.0.join("data");
    for case in CASES {
        let (mut flags, env) = case.given(&folder);
        flags.extend(["--data".into(), data.display().to_string()]);
        // An edge alone needs these, and is refused for the setting all the same.
        let mut commands = vec!["check-config", "serve", "up"];
        commands.extend(case.of_edge.then_some("edge"));
        for command in commands {
            let args = [&[command.to_owned()][..], &flags].concat();
            let said = refusal(&folder, &args, &env).await;
            let line = said.lines().find(|line| line.starts_with(&format!("{}:", case.named)));
            let line =
                line.unwrap_or_else(|| panic!("{command} does not name {}: {said}", case.named));
            assert!(line.contains(case.remedy), "{command}: {line}");
            assert!(!said.contains(SEALING_KEY) && !said.contains(":postgres@"), "{said}");
            assert!(!data.exists(), "{command} wrote something: {}", case.named);
        }
    }
}

#[tokio::test]
async fn an_edge_alone_is_told_what_it_needs() {
    let folder = Folder::new("edge");
    let args = ["edge", "--data", "data"].map(str::to_owned);
    let said = refusal(&folder, &args, &[]).await;
    assert!(said.contains("edge.credential:") && said.contains("create-edge"), "{said}");
    assert!(said.contains("edge.server_url:"), "{said}");
    assert!(!folder.0.join("data").exists());
}

#[tokio::test]
async fn a_redis_that_may_drop_what_is_alive_is_refused_at_start() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let folder = Folder::new("evicting");
    let name = format!("signalbox_evicting_{}", std::process::id());
    let stores = Stores::start(&name, &folder.0).await;
    let env = [
        ("identity.url", stores.identity_url()),
        ("sessions.url", stores.sessions_url()),
        ("server.sealing_key", SEALING_KEY.to_owned()),
    ];
    let env = env.map(|(setting, value)| (variable(setting), value));
    for policy in ["allkeys-lru", "volatile-ttl"] {
        stores.redis_does(&format!("CONFIG SET maxmemory-policy {policy}")).await;
        for command in ["serve", "up"] {
            let args = [command, "--listen", "127.0.0.1:0", "--data", "data"].map(str::to_owned);
            let said = refusal(&folder, &args, &env).await;
            let line = said.lines().find(|line| line.starts_with("sessions.url:"));
            let line = line.unwrap_or_else(|| panic!("{said}"));
            assert!(line.contains(policy) && line.contains("noeviction"), "{line}");
        }
    }
}
