//! Bad input is a clear refusal: never a 5xx, never half written.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tests::{World, forge::claims, process::until, rail::send};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Endpoints that take no credential, with the fields they require and a body that has each.
fn open_endpoints() -> [(&'static str, Vec<&'static str>); 5] {
    [
        ("/login", vec!["email", "password"]),
        ("/refresh", vec!["refreshToken"]),
        ("/register", vec!["email", "password", "name"]),
        ("/verify-email", vec!["token"]),
        ("/resend-verification", vec!["email"]),
    ]
}

fn body(fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), json!("something"))).collect()
}

fn sorted(fields: Vec<String>) -> BTreeSet<String> {
    fields.into_iter().collect()
}

fn expected(fields: &[&str]) -> BTreeSet<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

#[tokio::test]
async fn every_missing_field_is_named() {
    let world = World::shared().await;
    for (path, fields) in open_endpoints() {
        let answer = world.rail().post(path, json!({})).await;
        assert_eq!(sorted(answer.wrong_fields()), expected(&fields), "{path}");
        let nulls: Value = fields.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
        let answer = world.rail().post(path, nulls).await;
        assert_eq!(sorted(answer.wrong_fields()), expected(&fields), "{path}");
    }
}

#[tokio::test]
async fn every_field_of_a_wrong_type_is_named() {
    let world = World::shared().await;
    for (path, fields) in open_endpoints() {
        for wrong in [json!(1), json!(true), json!(["a"]), json!({ "a": "b" }), json!(1e300)] {
            for field in &fields {
                let mut sent = body(&fields);
                sent[*field] = wrong.clone();
                let answer = world.rail().post(path, sent).await;
                assert_eq!(answer.wrong_fields(), [*field], "{path} {wrong}");
            }
        }
    }
    let wrong = json!({ "email": "a@example.com", "password": "x", "rememberMe": "yes" });
    assert_eq!(world.rail().post("/login", wrong).await.wrong_fields(), ["rememberMe"]);
}

#[tokio::test]
async fn unknown_fields_are_refused_and_named() {
    let world = World::shared().await;
    for (path, fields) in open_endpoints() {
        let mut sent = body(&fields);
        sent["isAdmin"] = true.into();
        assert_eq!(world.rail().post(path, sent).await.wrong_fields(), ["isAdmin"], "{path}");
        let mut other_case = body(&fields);
        other_case[fields[0].to_uppercase()] = "x".into();
        let named = world.rail().post(path, other_case).await.wrong_fields();
        assert_eq!(named, [fields[0].to_uppercase()], "{path}");
    }
}

#[tokio::test]
async fn a_field_that_comes_twice_is_refused() {
    let world = World::shared().await;
    let rail = world.rail();
    for (path, fields) in open_endpoints() {
        let field = fields[0];
        let whole = body(&fields).to_string();
        let doubled = whole.replacen('{', &format!("{{\"{field}\":\"other\","), 1);
        let request = rail.request("POST", path).header("content-type", "application/json");
        assert_eq!(send(request.body(doubled)).await.wrong_fields(), [field], "{path}");
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let world = World::shared().await;
    let rail = world.rail();
    let deep = "[".repeat(8000);
    let deep_object = "{\"a\":".repeat(2600);
    let deep_value =
        format!("{{\"email\":{}1{},\"password\":\"x\"}}", "[".repeat(4000), "]".repeat(4000));
    for (path, _) in open_endpoints() {
        for bad in [
            &b"["[..],
            b"[]",
            b"\"text\"",
            b"1",
            b"null",
            b"{\"email\":",
            b"{\"email\":\"a\"}x",
            b"{email:\"a\"}",
            b"{'email':'a'}",
            b"\xff\xfe{\"email\":\"a\"}",
            b"{\"email\":\"\xc3\x28\",\"password\":\"x\"}",
            b"{\"email\":\"\xed\xa0\x80\",\"password\":\"x\"}",
            b"{\"email\":\"\\ud800\",\"password\":\"x\"}",
            b"{\"email\":\"a\0b\",\"password\":\"x\"}",
            b"\0",
            b"{\"email\":1e99999999,\"password\":\"x\"}",
            deep.as_bytes(),
            deep_object.as_bytes(),
            deep_value.as_bytes(),
        ] {
            let request = rail.request("POST", path).header("content-type", "application/json");
            let answer = send(request.body(bad.to_vec())).await;
            answer.refused(422, "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn nul_is_taken_in_no_field() {
    let world = World::shared().await;
    for (path, fields) in open_endpoints() {
        for field in &fields {
            let mut sent = body(&fields);
            sent[*field] = "a\0b".into();
            let answer = world.rail().post(path, sent).await;
            assert_eq!(answer.wrong_fields(), [*field], "{path}");
        }
    }
}

#[tokio::test]
async fn a_body_is_declared_as_json() {
    let world = World::shared().await;
    let rail = world.rail();
    let form = "email=a%40example.com&password=x";
    for (kind, sent) in [
        ("application/x-www-form-urlencoded", form),
        ("text/plain", "{\"email\":\"a@example.com\",\"password\":\"x\"}"),
        ("multipart/form-data; boundary=x", "--x--"),
        ("application/xml", "<login/>"),
        ("", "{\"email\":\"a@example.com\",\"password\":\"x\"}"),
    ] {
        let request = rail.request("POST", "/login").header("content-type", kind);
        let answer = send(request.body(sent)).await;
        assert!([415, 422].contains(&answer.status), "{kind}: {}", answer.text);
    }
    let request =
        rail.request("POST", "/login").header("content-type", "application/json; charset=utf-8");
    let answer = send(request.body("{\"email\":\"a@example.com\",\"password\":\"x\"}")).await;
    answer.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_body_beyond_16_kib_is_refused() {
    let world = World::shared().await;
    let rail = world.rail();
    for (path, _) in open_endpoints() {
        let sent = json!({ "email": "a".repeat(17 * 1024) });
        rail.post(path, sent).await.refused(413, "PAYLOAD_TOO_LARGE");
    }
    // Below the limit it is judged.
    let sent = json!({ "email": "a".repeat(15 * 1024), "password": "x" });
    rail.post("/login", sent).await.refused(401, "INVALID_CREDENTIALS");
}

/// Sends a head and then as much of an endless body as the other side takes; its answer.
async fn flood(port: u16, head: &str, chunk: &[u8], most: usize) -> (String, usize) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = head.to_owned();
    let chunk = chunk.to_vec();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        if to.write_all(head.as_bytes()).await.is_ok() {
            while sent < most && to.write_all(&chunk).await.is_ok() {
                sent += chunk.len();
            }
        }
        sent
    });
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(20), from.read_to_end(&mut answer)).await.unwrap());
    drop(from);
    sending.abort();
    (String::from_utf8_lossy(&answer).into_owned(), sending.await.unwrap_or(0))
}

#[tokio::test]
async fn a_body_of_100_mb_costs_nothing() {
    const SIZE: usize = 100 * 1024 * 1024;
    let world = World::start().await;
    let piece = vec![b'a'; 64 * 1024];
    let chunk = [b"10000\r\n", &piece[..], b"\r\n"].concat();
    let before = memory_kib(&world).await;
    let declared = format!("Content-Length: {SIZE}\r\n");
    for (framing, bytes) in
        [(declared.as_str(), &piece), ("Transfer-Encoding: chunked\r\n", &chunk)]
    {
        for path in
            ["/api/v1/auth/login", "/api/v1/auth/logout", "/setup", "/verify-email", "/nothing"]
        {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Type: application/json\r\n{framing}\r\n"
            );
            let (answer, _) = flood(world.server_port(0), &head, bytes, SIZE).await;
            let status = tests::raw::status(&answer);
            assert!(status == 0 || (400..500).contains(&status), "{path}: {answer}");
        }
    }
    let after = memory_kib(&world).await;
    assert!(after < before + 64 * 1024, "from {before} to {after} KiB");
    world.rail().root("GET", "/health/ready").await.expect(200);
}

/// The resident memory that the process tells of itself, KiB.
async fn memory_kib(world: &World) -> u64 {
    let metrics = world.rail().root("GET", "/metrics").await;
    let text = metrics.expect(200).text.clone();
    let line = text.lines().find(|line| line.starts_with("process_resident_memory_bytes"));
    line.map_or(0, |line| line.split(' ').nth(1).unwrap().parse::<f64>().unwrap() as u64 / 1024)
}

#[tokio::test]
async fn addresses_of_any_kind_are_no_failure() {
    let world = World::shared().await;
    let rail = world.rail();
    for path in
        ["/%00", "/%ff", "/a%2f..%2fme", "/../../etc/passwd", "/sessions/%20", "/me?page=%ff&%00=1"]
    {
        let answer = send(rail.request("GET", path)).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
    }
    let session = world.sign_in(&world.person().await).await;
    let sid = claims(&session.access)["sid"].as_str().unwrap().to_owned();
    for path in [
        format!("/sessions/{sid}%00"),
        format!("/sessions/{{{sid}}}x"),
        format!("/sessions/{sid}/"),
    ] {
        let answer = rail.call_as(&session.access, "DELETE", &path).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
    }
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn pages_take_nonsense_without_failing() {
    let world = World::shared().await;
    let rail = world.rail();
    for path in [
        "/setup",
        "/setup?token=",
        "/setup?token=%ff",
        "/setup?token=a&token=b",
        "/verify-email",
        "/verify-email?token=%00",
        "/verify-email?x",
    ] {
        let answer = send(rail.request_root("GET", path).header("accept", "text/html")).await;
        assert!(answer.status < 500, "{path}: {}", answer.text);
    }
    for path in ["/setup", "/verify-email"] {
        for sent in [
            &b""[..],
            b"token",
            b"token=%ff%fe",
            b"token=a&token=b",
            b"\xff\xff",
            b"{}",
            &[b'a'; 20_000],
        ] {
            let request = rail
                .request_root("POST", path)
                .header("content-type", "application/x-www-form-urlencoded");
            let answer = send(request.body(sent.to_vec())).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
    let scripted =
        rail.root("GET", "/verify-email?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!scripted.text.contains("<script>"), "{}", scripted.text);
}

#[tokio::test]
async fn nul_is_taken_by_no_page() {
    let world = World::shared().await;
    let rail = world.rail();
    let routes = world.signalbox(&["routes"]).await.json();
    let mut tried = 0;
    for route in routes.as_array().unwrap() {
        let text = |name: &str| route[name].as_str().unwrap();
        let (method, path) = (text("method"), text("path"));
        if path.starts_with("/api/") || path.starts_with("/.well-known/") {
            continue;
        }
        let parts = path.split('/').map(|part| match part.strip_prefix('{') {
            Some(name) if name.starts_with("stylesheet") => "%00.css",
            Some(_) => "a%00b",
            None => part,
        });
        let address = parts.collect::<Vec<_>>().join("/");
        for name in [
            "flow",
            "client_id",
            "to",
            "user_code",
            "username",
            "login_hint",
            "id_token_hint",
            "token",
            "code",
            "account",
            "csrf",
            "state",
            "request_uri",
            "x%00",
        ] {
            let sent = format!("{name}=a%00b&password=x&decision=allow");
            let answers = match method {
                "POST" => vec![
                    send(
                        rail.request_root("POST", &address)
                            .header("content-type", "application/x-www-form-urlencoded")
                            .body(sent.clone()),
                    )
                    .await,
                    send(rail.request_root("POST", &format!("{address}?{sent}"))).await,
                ],
                _ => vec![send(rail.request_root(method, &format!("{address}?{sent}"))).await],
            };
            for answer in answers {
                assert!(answer.status < 500, "{method} {address} {sent}: {}", answer.text);
            }
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
    // Where a form or an address asks for something, it is told so.
    for path in ["/login", "/mfa", "/mfa/enrol", "/consent", "/choose-account", "/device"] {
        let request = rail
            .request_root("POST", path)
            .header("content-type", "application/x-www-form-urlencoded");
        send(request.body("username=a%00b&password=x")).await.expect(400);
        rail.root("GET", &format!("{path}?flow=%00")).await.expect(400);
    }
    rail.root("GET", "/authorize?client_id=%00").await.expect(400);
    rail.root("GET", "/end_session?client_id=%00").await.expect(400);
    rail.root("GET", "/assets/brand/%00.css").await.expect(404);
}

#[tokio::test]
async fn strange_text_is_kept_as_it_is_or_refused() {
    let world = World::shared().await;
    let rail = world.rail();
    for name in [
        "Robert'); DROP TABLE users;--",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "\u{202e}evil",
        "👩‍👩‍👧‍👦",
        "%s%n",
        "a\u{301}",
        "'\"`<>&",
    ] {
        let person = tests::Person::new().called(name);
        let answer = rail.post("/register", person.registration()).await;
        if answer.status == 201 {
            world.verify_address(&person).await;
            let data = rail.post("/login", person.credentials()).await.data(200);
            assert_eq!(data["user"]["name"], name);
        } else {
            assert_eq!(answer.wrong_fields(), ["name"], "{name}");
        }
    }
}

#[tokio::test]
async fn a_storm_of_bad_requests_leaves_no_panic_and_no_failure_behind() {
    let world = World::start().await;
    let rail = world.rail();
    let session = world.sign_in(&world.person().await).await;
    for (method, path) in crate::rail::ENDPOINTS {
        for sent in
            ["", "{", "[]", "{\"method\":\"TOTP\",\"code\":\"\\u0000\"}", "{\"mfaToken\":1}"]
        {
            for bearer in ["", "x", session.id.as_str(), session.access.as_str()] {
                let request = rail.request(method, path).header("content-type", "application/json");
                let answer = send(request.bearer_auth(bearer).body(sent)).await;
                assert!(answer.status < 500, "{method} {path} {sent}: {}", answer.text);
            }
        }
    }
    until("it is ready", Duration::from_secs(5), async || {
        (rail.root("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
    let log = world.log();
    assert!(!log.contains("panic"), "{log}");
    assert!(!log.contains(" ERROR "), "{log}");
}
