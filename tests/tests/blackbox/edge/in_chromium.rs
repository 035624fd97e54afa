//! Sites as a real browser sees them.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tests::{
    Person, World,
    chromium::{Tab, Window},
    landing::{Arrival, Landing},
    rail::send,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::sites::{open, site};
use crate::minutes;

/// A site in front of `app`; its address.
async fn at(world: &World, app: &Landing, key: &str) -> String {
    let mut draft = site(world, key).await;
    draft["upstreams"] = json!([app.address]);
    draft["policy"] = json!({
        "require": "2fa",
        "rules": [{ "prefix": "/pay", "max_auth_age": 300 }],
    });
    open(world, &draft).await;
    draft["base_url"].as_str().unwrap().to_owned()
}

async fn prove(tab: &mut Tab, world: &World, person: &Person) {
    tab.see("#code").await;
    tab.fill("#code", &person.code(world)).await;
    tab.press("Enter").await;
}

async fn arrived(tab: &mut Tab, address: &str) {
    tab.see("#arrived").await;
    assert_eq!(tab.url().await, address);
}

fn posts(app: &Landing) -> Vec<Arrival> {
    app.arrivals().into_iter().filter(|arrival| arrival.method == "POST").collect()
}

#[tokio::test]
async fn two_sites_on_two_domains_with_one_sign_on() {
    let mut world = World::start().await;
    let app = Landing::start().await;
    let (wiki, shop) = (at(&world, &app, "wiki").await, at(&world, &app, "shop").await);
    let person = world.enrolled().await;
    let mut window = Window::open().await;
    let (mut one, mut two) = (window.tab().await, window.tab().await);

    one.open(&format!("{wiki}/page?a=b")).await;
    one.see("#username").await;
    one.fill("#username", &person.email).await;
    one.fill("#password", &person.password).await;
    one.press("Enter").await;
    prove(&mut one, &world, &person).await;
    arrived(&mut one, &format!("{wiki}/page?a=b")).await;
    two.open(&format!("{shop}/")).await;
    arrived(&mut two, &format!("{shop}/")).await;
    assert_eq!(two.evaluate("document.cookie").await, "");

    // Both tabs have slept for longer than their tokens live, and call at once.
    two.open(&format!("{wiki}/other")).await;
    arrived(&mut two, &format!("{wiki}/other")).await;
    world.advance(minutes(90));
    world.caught_up().await;
    let calls =
        "Promise.all([1, 2, 3].map(n => fetch('/call/' + n, {method: 'PUT'}).then(r => r.status)))
        .then(all => all.join())";
    let (first, second) = tokio::join!(one.evaluate(calls), two.evaluate(calls));
    assert_eq!((first, second), (json!("200,200,200"), json!("200,200,200")));

    // What was posted waits for the proof, and is sent once.
    let before = posts(&app).len();
    let submit = "(function () { var form = document.createElement('form'); form.method = 'post';
        form.action = '/pay?to=ada'; form.innerHTML = '<input name=amount value=12>';
        document.body.appendChild(form); form.submit(); })()";
    one.evaluate(submit).await;
    one.see("#code").await;
    assert_eq!(posts(&app).len(), before);
    prove(&mut one, &world, &person).await;
    arrived(&mut one, &format!("{wiki}/pay?to=ada")).await;
    let sent = posts(&app);
    assert_eq!(sent.len(), before + 1);
    let last = sent.last().unwrap();
    assert_eq!((last.path.as_str(), last.body.as_str()), ("/pay?to=ada", "amount=12"));
    one.reload().await;
    arrived(&mut one, &format!("{wiki}/pay?to=ada")).await;
    assert_eq!(posts(&app).len(), before + 1);

    // Signed out everywhere, from a page of one of them.
    one.open(&format!("{wiki}/.signalbox/sign-out")).await;
    one.see("button[name=here]").await;
    one.is_accessible().await;
    one.click("button[name=everywhere]").await;
    one.holds("location.pathname === '/.signalbox/signed-out'").await;
    one.see(".sign.good").await;
    one.is_accessible().await;
    two.holds("fetch('/call').then(r => r.status === 401)").await;
    two.open(&format!("{shop}/")).await;
    two.see("#username").await;
}

/// An app with a page, and a WebSocket at every path that echoes.
async fn talking() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    format!("http://{address}")
}

async fn talk(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let read = stream.peek(&mut head).await.unwrap_or_default();
    if !String::from_utf8_lossy(&head[..read]).to_lowercase().contains("upgrade: websocket") {
        let page = "<!doctype html><title>App</title><h1 id=\"arrived\">App</h1>";
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        );
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Opens a WebSocket from the page that is shown, and waits until it has echoed.
async fn open_socket(tab: &mut Tab) {
    let opened = tab
        .evaluate(
            "new Promise(function (resolve) {
               window.ended = false;
               var socket = new WebSocket('ws://' + location.host + '/ws');
               socket.onopen = function () { socket.send('hello'); };
               socket.onmessage = function () { resolve('echoed'); };
               socket.onclose = function () { window.ended = true; resolve('closed'); };
             })",
        )
        .await;
    assert_eq!(opened, "echoed");
}

#[tokio::test]
async fn what_ends_and_what_is_asked_anew_reaches_a_page_that_is_open() {
    let mut world = World::start().await;
    let mut draft = site(&world, "live").await;
    draft["upstreams"] = json!([talking().await]);
    draft["policy"] = json!({ "require": "2fa" });
    open(&world, &draft).await;
    let address = format!("{}/", draft["base_url"].as_str().unwrap());
    let (person, admin) = (world.enrolled().await, world.admin().await);
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&address).await;
    tab.sign_in(&person).await;
    prove(&mut tab, &world, &person).await;
    arrived(&mut tab, &address).await;
    open_socket(&mut tab).await;

    // Ended from elsewhere: the socket is closed, and scripts hear where to sign in.
    let elsewhere = world.sign_in_with_backup_code(&person).await;
    world.rail().call_as(&elsewhere.access, "DELETE", "/sessions?wait=edges").await.expect(200);
    tab.holds("window.ended").await;
    let status = "fetch('/').then(r => r.status)";
    assert_eq!(tab.evaluate(status).await, 401);
    world.advance(minutes(2));
    world.caught_up().await;
    tab.open(&address).await;
    tab.see("#username").await;

    // Under a session that is open the policy asks for more than it has shown.
    tab.sign_in(&person).await;
    prove(&mut tab, &world, &person).await;
    arrived(&mut tab, &address).await;
    open_socket(&mut tab).await;
    let admin = world.sign_in(&admin).await.access;
    let tighter = json!({ "policy": { "require": "phishing_resistant" }, "version": 1 });
    let change = world.rail().request_root("PATCH", "/api/v1/admin/sites/live");
    send(change.bearer_auth(&admin).json(&tighter)).await.expect(200);
    tab.holds("window.ended").await;
    let told = "fetch('/').then(r => r.headers.get('www-authenticate'))";
    let told = tab.evaluate(told).await;
    assert!(told.as_str().unwrap().contains("acr_values=\"urn:signalbox:phr\""), "{told}");
    tab.open(&address).await;
    tab.holds(&format!("location.href.startsWith('{}')", world.issuer())).await;
}
