//! `docker compose up`, as far as it goes without building an image: the services of
//! docker-compose.yml run as processes, with the same commands, the same environment and the same
//! files. Names and ports of containers are those of this machine, Postgres is the one of the test
//! run, and letters are caught here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, Permissions},
    net::TcpStream,
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Map, Value, json};
use tests::{
    Person, Session,
    command::{binary, run},
    edge::Edge,
    outbox::token_of,
    person::{STEP, verify},
    process::{Process, inherited, tail, until},
    rail::Rail,
    stores::Stores,
    world::{Kind, free_port},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// How long a service may take to be healthy, or to end where it is there to end.
const PATIENCE: Duration = Duration::from_secs(30);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// docker-compose.yml, with its anchors and merges resolved.
fn compose() -> Value {
    let text = fs::read_to_string(repository().join("docker-compose.yml")).unwrap();
    resolved(&Yaml::load_from_str(&text).unwrap()[0])
}

fn resolved(yaml: &Yaml) -> Value {
    if let Some(mapping) = yaml.as_mapping() {
        let mut whole = Map::new();
        for (key, value) in mapping {
            let value = resolved(value);
            match (key.as_str().unwrap(), value) {
                // What is said here overrules what is merged, wherever the merge stands.
                ("<<", Value::Object(merged)) => {
                    for (key, value) in merged {
                        whole.entry(key).or_insert(value);
                    }
                }
                (key, value) => drop(whole.insert(key.to_owned(), value)),
            }
        }
        Value::Object(whole)
    } else if let Some(sequence) = yaml.as_sequence() {
        sequence.iter().map(resolved).collect()
    } else if let Some(text) = yaml.as_str() {
        text.into()
    } else if let Some(switch) = yaml.as_bool() {
        switch.into()
    } else if let Some(number) = yaml.as_integer() {
        number.into()
    } else {
        Value::Null
    }
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map_or(&[][..], Vec::as_slice).iter().map(|one| one.as_str().unwrap()).collect()
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

/// The services of docker-compose.yml on this machine.
struct Stage {
    compose: Value,
    dir: PathBuf,
    /// Port of a container → port here.
    ports: BTreeMap<(String, String), u16>,
    stores: Stores,
    running: BTreeMap<String, Process>,
}

impl Stage {
    async fn set() -> Self {
        let compose = compose();
        let name = format!("signalbox-compose-{}", std::process::id());
        let dir = std::env::temp_dir().join(&name);
        for folder in ["bin", "run/server", "run/postgres", "run/mail", "run/edge"] {
            DirBuilder::new().recursive(true).mode(0o700).create(dir.join(folder)).unwrap();
        }
        symlink(binary(), dir.join("bin/signalbox")).unwrap();
        let mut ports = BTreeMap::new();
        for (service, described) in services(&compose) {
            for port in texts(&described["expose"]) {
                ports.insert((service.clone(), port.to_owned()), free_port());
            }
        }
        let mut stores = Stores::start(&name.replace('-', "_"), &dir).await;
        stores.stop_redis();
        let stage = Self { compose, dir, ports, stores, running: BTreeMap::new() };
        for service in services(&stage.compose).keys() {
            stage.mount(service);
        }
        stage
    }

    fn service(&self, name: &str) -> &Value {
        &self.compose["services"][name]
    }

    fn port(&self, service: &str, of_container: &str) -> u16 {
        self.ports[&(service.to_owned(), of_container.to_owned())]
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// Gives a service the files of the repository that it mounts.
    fn mount(&self, service: &str) {
        for volume in texts(&self.service(service)["volumes"]) {
            let Some((source, "/etc/signalbox:ro")) = volume.split_once(':') else { continue };
            let target = self.path(format!("etc-{service}"));
            fs::create_dir(&target).unwrap();
            for file in fs::read_dir(repository().join(source)).unwrap() {
                let file = file.unwrap().path();
                let text = self.here(service, &fs::read_to_string(&file).unwrap());
                let copy = target.join(file.file_name().unwrap());
                fs::write(&copy, text).unwrap();
                fs::set_permissions(&copy, fs::metadata(&file).unwrap().permissions()).unwrap();
            }
        }
    }

    /// What a text of `service` says, said of this machine.
    fn here(&self, service: &str, text: &str) -> String {
        let mut text = text.to_owned();
        let mut replace = |from: &str, to: &str| text = text.replace(from, to);
        let identity = self.stores.identity_url();
        let (_, database) = identity.split_once('@').unwrap();
        replace("postgres://signalbox:", "postgres://postgres:");
        replace("postgres:5432/signalbox", database);
        replace("DNS:mail", "DNS:localhost");
        for ((owner, of_container), port) in &self.ports {
            if owner == service {
                replace(&format!("0.0.0.0:{of_container}"), &format!("127.0.0.1:{port}"));
                replace(&format!("127.0.0.1:{of_container}"), &format!("127.0.0.1:{port}"));
            }
            // The certificate of the mail catcher is for a name.
            let host = if owner == "mail" { "localhost" } else { "127.0.0.1" };
            replace(&format!("//{owner}:{of_container}"), &format!("//{host}:{port}"));
        }
        for (owner, described) in services(&self.compose) {
            for published in texts(&described["ports"]) {
                let [_, on_host, of_container] = published.split(':').collect::<Vec<_>>()[..]
                else {
                    panic!("{owner} publishes {published} to more than this machine")
                };
                if let Some(port) = self.ports.get(&(owner.clone(), of_container.to_owned())) {
                    replace(&format!("localhost:{on_host}"), &format!("localhost:{port}"));
                }
            }
        }
        for (from, to) in [
            ("/run/signalbox", "run".to_owned()),
            ("/etc/signalbox", format!("etc-{service}")),
            ("/var/lib/signalbox", format!("data-{service}")),
        ] {
            replace(from, self.path(to).to_str().unwrap());
        }
        text
    }

    fn list(&self, service: &str, of: &Value) -> Vec<String> {
        texts(of).into_iter().map(|text| self.here(service, text)).collect()
    }

    fn environment(&self, service: &str) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        let mut environment = inherited();
        environment.push(("PATH".into(), format!("{}:{path}", self.path("bin").display())));
        for (name, value) in self.service(service)["environment"].as_object().into_iter().flatten()
        {
            environment.push((name.clone(), self.here(service, value.as_str().unwrap())));
        }
        environment
    }

    /// Starts a service that runs our image, or redis-server.
    fn launch(&self, service: &str) -> Process {
        let described = self.service(service);
        let mut line = self.list(service, &described["entrypoint"]);
        if line.is_empty() && described["image"] == "signalbox" {
            line.push("signalbox".into());
        }
        line.extend(self.list(service, &described["command"]));
        if service == "redis" {
            let port = self.port("redis", "6379").to_string();
            let dir = self.dir.display().to_string();
            line.extend(["--bind", "127.0.0.1", "--port", &port, "--dir", &dir].map(str::to_owned));
        }
        let log = self.path(format!("{service}.log"));
        let program = if line[0] == "signalbox" { binary() } else { line[0].clone().into() };
        Process::start(&program, &line[1..], &self.environment(service), &self.dir, &log)
    }

    /// Whether the service's own question for its health is answered well.
    fn is_healthy(&self, service: &str) -> bool {
        let asked = self.list(service, &self.service(service)["healthcheck"]["test"]);
        assert_eq!(asked[0], "CMD", "{service}");
        Command::new(&asked[1]).args(&asked[2..]).output().unwrap().status.success()
    }

    /// Starts everything in the order that `depends_on` gives.
    async fn up(&mut self, letters: mpsc::Sender<String>) {
        let mut open: BTreeSet<String> = services(&self.compose).keys().cloned().collect();
        while !open.is_empty() {
            let is_next = |name: &&String| {
                let needed = self.service(name)["depends_on"].as_object();
                needed.is_none_or(|needed| needed.keys().all(|name| !open.contains(name)))
            };
            let next = open.iter().find(is_next).expect("services wait for one another").clone();
            open.remove(&next);
            self.start(&next, &letters).await;
        }
    }

    async fn start(&mut self, service: &str, letters: &mpsc::Sender<String>) {
        match service {
            "postgres" => {}
            "mail" => {
                catch_letters(
                    self.port("mail", "1025"),
                    &self.here(
                        "mail",
                        self.service("mail")["environment"]["MP_SMTP_TLS_CERT"].as_str().unwrap(),
                    ),
                    &self.here(
                        "mail",
                        self.service("mail")["environment"]["MP_SMTP_TLS_KEY"].as_str().unwrap(),
                    ),
                    letters.clone(),
                )
                .await
            }
            _ => {
                let mut process = self.launch(service);
                if self.is_there_to_end(service) {
                    let status = process.wait(PATIENCE).await;
                    let log = self.path(format!("{service}.log"));
                    assert!(status.success(), "{service}: {}", tail(&log));
                    return;
                }
                until(&format!("{service} is healthy"), PATIENCE, async || {
                    assert!(process.ended().is_none(), "{service} has ended");
                    let is_up = if service == "redis" {
                        TcpStream::connect(("127.0.0.1", self.port("redis", "6379"))).is_ok()
                    } else {
                        self.is_healthy(service)
                    };
                    is_up.then_some(())
                })
                .await;
                self.running.insert(service.to_owned(), process);
            }
        }
    }

    /// Whether somebody waits for it to have ended.
    fn is_there_to_end(&self, service: &str) -> bool {
        services(&self.compose).values().any(|other| {
            other["depends_on"][service]["condition"] == "service_completed_successfully"
        })
    }

    fn rail(&self, service: &str) -> Rail {
        Rail::new(format!("http://127.0.0.1:{}", self.port(service, "8080")))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            for service in services(&self.compose).keys() {
                eprintln!("{}", tail(&self.path(format!("{service}.log"))));
            }
        }
        self.running.clear();
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// Stands in for the mail catcher: what is handed to it over TLS goes to `letters`.
async fn catch_letters(port: u16, certificate: &str, key: &str, letters: mpsc::Sender<String>) {
    let certificates = CertificateDer::pem_file_iter(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, letters) = (acceptor.clone(), letters.clone());
            tokio::spawn(async move { receive(acceptor.accept(stream).await?, letters).await });
        }
    });
}

/// Speaks as much of RFC 5321 as a client needs to hand over letters.
async fn receive(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    letters: mpsc::Sender<String>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 localhost ready\r\n").await?;
    stream.flush().await?;
    let (mut line, mut letter, mut in_data) = (String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if in_data && line != ".\r\n" {
            letter.push_str(&line);
            continue;
        }
        if std::mem::take(&mut in_data) {
            letters.send(std::mem::take(&mut letter)).await.ok();
        }
        in_data = line.starts_with("DATA");
        stream.write_all(if in_data { b"354 go on\r\n" } else { b"250 ok\r\n" }).await?;
        stream.flush().await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_compose_starts_signs_a_person_in_and_lets_them_through_the_edge() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let (letters, mut received) = mpsc::channel(8);
    let mut stage = Stage::set().await;
    stage.up(letters).await;

    // Registered at one server, verified and signed in at the other.
    let (one, other) = (stage.rail("server1"), stage.rail("server2"));
    let mut person = Person::new();
    drop(one.post("/register", person.registration()).await.data(201));
    let letter = tokio::time::timeout(PATIENCE, received.recv()).await.unwrap().unwrap();
    // Quoted-printable breaks lines with `=`.
    let letter = letter.replace("=\r\n", "").replace("=3D", "=");
    let link = format!("http://localhost:{}/", stage.port("server1", "8080"));
    assert!(letter.contains(&link), "{letter}");
    let token = token_of(&letter).unwrap();
    drop(other.post("/verify-email", json!({ "token": token })).await.data(200));
    let signed_in = other.post("/login", person.credentials()).await.data(200);
    let one_factor = Session::of(&signed_in);

    let method = json!({ "method": "TOTP" });
    let set_up = other.post_as(&one_factor.access, "/mfa/setup", method).await;
    person.take_secrets(&set_up.data(200));
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / STEP;
    let code = json!({ "method": "TOTP", "code": person.code_of_step(step) });
    drop(other.post_as(&one_factor.access, "/mfa/setup/confirm", code).await.data(200));
    let half = other.post("/login", person.credentials()).await.data(200);
    let half = half["mfaToken"].as_str().unwrap();
    let proved = verify(&other, half, &person.code_of_step(step + 1)).await;
    let session = Session::of(&proved.data(200));

    let edge = Edge::new(stage.port("edge", "8000"));
    edge.demo(&one_factor.access).await.expect(401);
    let seen = edge.demo(&session.access).await.expect(200).json();
    assert_eq!(seen["headers"]["x-auth-email"], person.email.as_str(), "{seen}");
    // The edge hears of it by the other server.
    drop(other.post_as(&session.access, "/logout", json!({})).await.data(200));
    crate::ends_at_the_edge(&edge, &session.access).await;

    // A command in the container of a server finds its settings.
    let config = stage.here("server1", "/etc/signalbox/signalbox.toml");
    let data = stage.path("data-server1").display().to_string();
    let command = |args: &[&str]| {
        let args = [args, &["--config", &config, "--data", &data]].concat();
        run(&args, &stage.environment("server1"), "")
    };
    assert_eq!(command(&["check-config"]).out.trim(), "ok");
    let setup = command(&["admin", "setup-link"]).json();
    assert!(setup["url"].as_str().unwrap().starts_with(&link), "{setup}");
    let doctor = command(&["doctor"]);
    assert!(doctor.code == 1 && !doctor.out.contains("appendonly"), "{doctor:?}");

    // One JSON object a line, each of a request with its id.
    let log = fs::read_to_string(stage.path("server2.log")).unwrap();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.len() + 1, log.lines().count(), "{log}");
    let of_requests: Vec<_> = lines.iter().filter(|line| !line["span"].is_null()).collect();
    assert!(of_requests.len() > 5, "{log}");
    assert!(of_requests.iter().all(|line| line["span"]["request_id"].is_string()), "{log}");
    assert!(!log.contains(&session.access) && !log.contains(&person.password));
}

#[tokio::test]
async fn what_compose_keeps_secret_is_made_once_and_for_its_owner() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let dir = std::env::temp_dir().join(format!("signalbox-secrets-{}", std::process::id()));
    for folder in ["server", "postgres", "mail", "edge"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let script = repository().join("deploy/compose/make-secrets");
    let text = fs::read_to_string(script).unwrap().replace("/run/signalbox", dir.to_str().unwrap());
    let copy = dir.join("make-secrets");
    fs::write(&copy, text).unwrap();
    let make = || {
        let made = Command::new("sh").arg(&copy).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut files = BTreeMap::new();
        for folder in ["server", "postgres", "mail"] {
            for file in fs::read_dir(dir.join(folder)).unwrap() {
                let file = file.unwrap().path();
                let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
                assert_eq!(Permissions::from_mode(mode), Permissions::from_mode(0o600), "{file:?}");
                files.insert(file.clone(), fs::read_to_string(&file).unwrap());
            }
        }
        files
    };
    let (first, again) = (make(), make());
    drop(fs::remove_dir_all(&dir));
    assert_eq!(first, again);
    assert_eq!(first.len(), 6, "{:?}", first.keys());
    let password = &first[&dir.join("postgres/password")];
    assert_eq!(password.len(), 48);
    assert!(first[&dir.join("server/identity-url")].contains(password.as_str()));
}

#[test]
fn compose_describes_what_the_contract_asks_for() {
    let compose = compose();
    let (mut with_image, mut named) = (0, BTreeSet::new());
    for (name, service) in services(&compose) {
        let image = service["image"].as_str().unwrap();
        if image == "signalbox" {
            with_image += 1;
            assert_eq!((&service["build"], &service["read_only"]), (&json!("."), &json!(true)));
            assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        } else {
            let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
            assert_ne!(tag, "latest");
        }
        if !service["restart"].is_null() {
            assert!(!texts(&service["healthcheck"]["test"]).is_empty(), "{name} has no health");
        }
        for published in texts(&service["ports"]) {
            assert!(published.starts_with("127.0.0.1:"), "{name}: {published}");
        }
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            let is_secret = ["PASSWORD", "CREDENTIAL", "SEALING", "IDENTITY", "KEY"]
                .iter()
                .any(|word| variable.contains(word));
            assert!(!is_secret || value.starts_with("/run/signalbox/"), "{name}: {variable}");
        }
        // Whatever is read from a folder is mounted there.
        let mounted: Vec<_> = texts(&service["volumes"])
            .iter()
            .map(|volume| {
                let mut parts = volume.split(':');
                named.extend(
                    parts.next().filter(|source| !source.starts_with('.')).map(str::to_owned),
                );
                parts.next().unwrap()
            })
            .collect();
        let said =
            format!("{} {} {}", service["entrypoint"], service["command"], service["environment"]);
        for path in said.split('"').filter(|text| text.starts_with('/')) {
            let is_there = mounted.iter().any(|folder| path.starts_with(folder));
            assert!(is_there || path.starts_with("/var/lib/signalbox"), "{name}: {path}");
        }
    }
    assert_eq!(with_image, 6);
    let declared: BTreeSet<_> = compose["volumes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(named, declared);
    let image = |name: &str| compose["services"][name]["image"].as_str().unwrap();
    let version = |name: &str| {
        let (_, tag) = image(name).split_once(':').unwrap();
        tag.split(['-', '.']).next().unwrap().parse::<u32>().unwrap()
    };
    assert!(version("postgres") >= 15 && version("redis") == 7);
    let redis = texts(&compose["services"]["redis"]["command"]).join(" ");
    assert!(redis.contains("--appendonly yes") && redis.contains("--maxmemory-policy noeviction"));
}

#[test]
fn the_image_runs_the_binary_without_root() {
    let text = fs::read_to_string(repository().join("Dockerfile")).unwrap();
    // Lines that are continued are one.
    let text = text.replace("\\\n", " ");
    let instructions: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let stages: Vec<_> = instructions.split(|(instruction, _)| *instruction == "FROM").collect();
    let froms: Vec<_> = instructions.iter().filter(|(name, _)| *name == "FROM").collect();
    assert_eq!((stages.len(), froms.len()), (3, 2));
    assert!(froms[0].1.starts_with("rust:") && froms[0].1.ends_with(" AS build"));
    assert_eq!(froms[1].1, "debian:bookworm-slim");

    for (_, argument) in stages[1].iter().filter(|(name, _)| *name == "COPY") {
        let mut paths: Vec<_> = argument.split_whitespace().collect();
        paths.pop();
        for path in paths {
            assert!(repository().join(path).exists(), "{path} is not there to be copied");
        }
    }
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = workspace.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    for member in members.split(", ") {
        let member = member.trim_matches('"');
        let copied = ("COPY", &*format!("{member} {member}"));
        assert!(stages[1].contains(&copied), "{member} is not copied");
    }

    let last = stages[2];
    let of = |wanted: &str| {
        let mut found = last.iter().filter(|(name, _)| *name == wanted);
        found.next_back().unwrap_or_else(|| panic!("no {wanted}")).1
    };
    assert_eq!(of("USER"), "signalbox");
    assert_eq!(of("ENTRYPOINT"), "[\"signalbox\"]");
    assert_eq!(of("EXPOSE"), "8080 8000");
    assert!(of("HEALTHCHECK").contains("http://127.0.0.1:8080/health/ready"));
    let command: Vec<String> = serde_json::from_str(of("CMD")).unwrap();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(run(&[&command[..], &["--help"]].concat(), &[], "").code, 0);
}
