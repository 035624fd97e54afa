//! Servers that others wrote, as upstreams: what reaches them is what the contract says, and they
//! read a path as the edge judged it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod world;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jwks::{feed::Change, policy::Require};
use percent_encoding::percent_decode_str;
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;
use tokio::net::TcpStream;
use world::{PATIENCE, World, exchange, status};

/// One line for each thing, because nginx has no JSON of its own.
const NGINX: &str = r#"
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http {
    access_log off; underscores_in_headers on; ignore_invalid_headers off; merge_slashes on;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {
        listen 127.0.0.1:PORT;
        location / {
            default_type text/plain;
            return 200 "$request_uri\n$uri\n$http_host\n$http_x_auth_user\n$http_x_auth_roles\n$http_x_forwarded_for\n$http_x_real_ip$http_forwarded$http_authorization$http_proxy_authorization$http_x_named";
        }
    }
}
"#;

const NODE: &str = r#"
require('http').createServer((request, response) => {
    const body = [];
    request.on('data', part => body.push(part));
    request.on('end', () => response.end(JSON.stringify({
        target: request.url,
        path: new URL('http://x' + request.url).pathname,
        method: request.method,
        fields: request.rawHeaders,
        trailers: request.rawTrailers,
        body: Buffer.concat(body).toString(),
    })));
}).listen(PORT, '127.0.0.1');
"#;

const PYTHON: &str = r#"
import http.server, json, posixpath, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else b""
        split = urllib.parse.urlsplit(self.path)
        decoded = urllib.parse.unquote(split.path, errors="surrogateescape")
        plain = posixpath.normpath(decoded)
        told = json.dumps({
            "target": self.path,
            "path": split.path,
            "is_plain": plain == decoded or plain + "/" == decoded,
            "method": self.command,
            "fields": [text for pair in self.headers.items() for text in pair],
            "body": body.decode("latin-1"),
        }).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)
    do_GET = do_POST = do_PUT = do_HEAD = answer
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"#;

/// A server in a process of its own, which ends with this value.
struct App {
    process: Child,
    address: SocketAddr,
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl App {
    async fn start(dir: &Path, name: &str, text: &str, command: &[&str]) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = dir.join(name);
        std::fs::write(&file, text.replace("PORT", &address.port().to_string())).unwrap();
        let process = Command::new(command[0])
            .args(&command[1..])
            .arg(&file)
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; tests/run installs it", command[0]));
        let app = Self { process, address };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("the server listens");
        app
    }
}

/// The servers, and a public site for each in one world: `nginx.test` and so on.
async fn apps() -> (World, Vec<App>) {
    let world = World::with_site(|site| site.policy.require = Require::Public).await;
    let dir = &world.data_dir;
    let prefix = format!("{}/", dir.display());
    let apps = vec![
        App::start(dir, "nginx.conf", NGINX, &["nginx", "-e", "error.log", "-p", &prefix, "-c"])
            .await,
        App::start(dir, "server.js", NODE, &["node"]).await,
        App::start(dir, "server.py", PYTHON, &["python3"]).await,
    ];
    for (name, app) in ["nginx", "node", "python"].iter().zip(&apps) {
        let mut site = world::site(app.address);
        site.site_key = (*name).to_owned();
        site.hosts = vec![format!("{name}.test")];
        site.base_url = format!("https://{name}.test");
        site.policy.require = Require::Public;
        world.feed.push(Change::Site(Box::new(site)));
    }
    let known = async { while status(&get(&world, "python", "/").await) != 200 {} };
    tokio::time::timeout(PATIENCE, known).await.expect("the sites are known");
    (world, apps)
}

async fn get(world: &World, name: &str, target: &str) -> String {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: {name}.test\r\nConnection: close\r\n\r\n");
    exchange(world.address(), request.as_bytes()).await
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// What Node or Python say of a request. Node answers in chunks.
fn told(answer: &str) -> Value {
    let body = body(answer);
    let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    serde_json::from_str(json).unwrap()
}

/// Values of a field in a list of names and values.
fn of<'v>(told: &'v Value, name: &str) -> Vec<&'v str> {
    let fields = told["fields"].as_array().unwrap();
    fields
        .chunks(2)
        .filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

#[tokio::test]
#[ignore = "needs nginx, node and python3"]
async fn what_is_claimed_reaches_no_server_that_others_wrote() {
    let (world, _apps) = apps().await;
    let claims = "X-Auth-User: admin\r\nx_auth_user: admin\r\nX-Auth-Roles: root\r\nX.Auth.Roles: root\r\n\
                  X-Forwarded-For: 10.9.9.9\r\nForwarded: for=10.9.9.9\r\nX-Real-IP: 10.9.9.9\r\n\
                  Proxy-Authorization: Basic eDp5\r\nX-Named: secret\r\nConnection: close, X-Named\r\n";
    for name in ["nginx", "node", "python"] {
        let request = format!(
            "POST /a%20b?x=%2f HTTP/1.1\r\nHost: {name}.test\r\n{claims}Content-Length: 3\r\n\r\nabc"
        );
        let answer = exchange(world.address(), request.as_bytes()).await;
        assert_eq!(status(&answer), 200, "{name}: {answer}");
        let told_of = body(&answer).to_lowercase();
        for claim in ["admin", "root", "10.9.9.9", "secret", "x_auth", "x.auth", "edp5"] {
            assert!(!told_of.contains(claim), "{claim} reached {name}: {answer}");
        }
        if name == "nginx" {
            let lines: Vec<&str> = body(&answer).lines().collect();
            assert_eq!(lines[..6], ["/a%20b?x=%2f", "/a b", "nginx.test", "", "", "127.0.0.1"]);
            continue;
        }
        let told = told(&answer);
        assert_eq!(told["target"], "/a%20b?x=%2f");
        assert_eq!((told["method"].as_str(), told["body"].as_str()), (Some("POST"), Some("abc")));
        assert_eq!(of(&told, "x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(of(&told, "host"), [format!("{name}.test")]);
        assert_eq!(of(&told, "content-length"), ["3"]);
        assert!(of(&told, "transfer-encoding").is_empty());
    }
}

#[tokio::test]
#[ignore = "needs nginx, node and python3"]
async fn a_request_within_a_request_reaches_no_server_that_others_wrote() {
    let (world, _apps) = apps().await;
    let inner = |name: &str| format!("GET /inner HTTP/1.1\r\nHost: {name}.test\r\n\r\n");
    for name in ["nginx", "node", "python"] {
        let inner = inner(name);
        let host = format!("Host: {name}.test\r\nConnection: close\r\n");
        let length = inner.len();
        for (what, request) in [
            (
                "CL.TE",
                format!(
                    "POST / HTTP/1.1\r\n{host}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
                    length + 5
                ),
            ),
            (
                "TE.TE",
                format!(
                    "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}"
                ),
            ),
            (
                "TE with a tab",
                format!(
                    "POST / HTTP/1.1\r\n{host}Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{inner}"
                ),
            ),
            (
                "TE spelt oddly",
                format!(
                    "POST / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n\r\n{inner}"
                ),
            ),
            (
                "TE before a colon",
                format!(
                    "POST / HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\nContent-Length: {length}\r\n\r\n{inner}"
                ),
            ),
            (
                "two lengths",
                format!(
                    "POST / HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"
                ),
            ),
            (
                "a length with a sign",
                format!("POST / HTTP/1.1\r\n{host}Content-Length: +{length}\r\n\r\n{inner}"),
            ),
            (
                "a chunk size that overflows",
                format!(
                    "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{inner}\r\n0\r\n\r\n"
                ),
            ),
            (
                "a line feed alone",
                format!("GET / HTTP/1.1\r\n{host}X-A: b\n\nGET /inner HTTP/1.1\r\n{host}\r\n"),
            ),
            (
                "a fold",
                format!(
                    "POST / HTTP/1.1\r\n{host}X-A: b\r\n Content-Length: {length}\r\n\r\n{inner}"
                ),
            ),
            (
                "HTTP/1.0 with TE",
                format!(
                    "POST / HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
                ),
            ),
        ] {
            let answer = exchange(world.address(), request.as_bytes()).await;
            let reached = answer.matches("/inner").count();
            let answers = answer.matches("HTTP/1.1 ").count();
            // What the edge takes for a body may come back as one; a second answer may not.
            assert!(answers <= 1 || status(&answer) == 400, "{what} to {name}: {answer}");
            assert!(
                reached == 0 || status(&answer) == 200 && answers == 1,
                "{what} to {name}: {answer}"
            );
            if answers == 1 && status(&answer) == 200 && name != "nginx" {
                assert_eq!(told(&answer)["target"], "/", "{what} to {name}: {answer}");
            }
        }
    }
}

/// Pieces of which confusing paths are made.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9]{1,4}",
        2 => Just("/".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("..".to_owned()),
        1 => "[-._~!$&'()*+,=:@]",
        2 => "%[0-9a-fA-F]{2}",
        1 => proptest::sample::select(vec![
            "%2e", "%2E%2e", "%2f", "%5c", "\\", ";", "%3b", "%25", "%252e", "//", "/./", "/../",
            "%c3%a9", "%ff", "%00", "%", "%zz", "|", "{", "\"", "^", "[", "%7e", "%41",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

#[tokio::test]
#[ignore = "needs nginx, node and python3"]
async fn servers_that_others_wrote_read_a_path_as_the_edge_judged_it() {
    let (world, _apps) = apps().await;
    // Other paths each time; a failure names them.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().to_be_bytes();
    let seed = [seed, seed].concat();
    println!("the paths come of the seed {seed:?}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut passed = 0;
    for _ in 0..400 {
        let path = paths().new_tree(&mut runner).unwrap().current();
        let node = get(&world, "node", &path).await;
        let found = status(&node);
        assert!([200, 400].contains(&found), "{path}: {node}");
        let nginx = get(&world, "nginx", &path).await;
        let python = get(&world, "python", &path).await;
        assert_eq!((status(&nginx), status(&python)), (found, found), "{path}");
        if found == 400 {
            continue;
        }
        passed += 1;
        let (node, python) = (told(&node), told(&python));
        let sent = node["target"].as_str().unwrap();
        assert_eq!(python["target"], sent, "{path}");
        // Node may spell a sign as its code, but takes no segment away.
        let read = percent_decode_str(node["path"].as_str().unwrap()).collect::<Vec<u8>>();
        assert_eq!(
            read,
            percent_decode_str(sent).collect::<Vec<u8>>(),
            "Node reads {path} otherwise"
        );
        assert_eq!((&python["path"], &python["is_plain"]), (&sent.into(), &true.into()), "{path}");
        let (asked, read) = body(&nginx).split_once('\n').unwrap();
        assert_eq!(asked, sent, "{path}");
        let decoded = percent_decode_str(sent).decode_utf8_lossy();
        assert!(read.starts_with(&format!("{decoded}\n")), "nginx reads {path} otherwise: {read}");
    }
    assert!(passed > 50, "only {passed} paths passed");
}
