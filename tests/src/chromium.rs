//! Chromium, driven as a person drives it: real clicks and keys, by its DevTools protocol. Over the
//! WebSocket client that the tests have anyway, so that nothing more is compiled or installed.

use std::{fs, path::PathBuf, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::OnceCell};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{
    person::Person,
    process::{Process, until},
    world::scratch,
};

/// How long a page may take to show what a test looks for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The names of the program, on Debian and elsewhere.
const PROGRAMS: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/// No first-run pages, no updates, and nothing that is not on this machine.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    "about:blank",
];

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One Chromium for every test of the process.
struct Chromium {
    _process: Process,
    /// `ws://127.0.0.1:port`.
    address: String,
    /// The path of the endpoint of the whole browser.
    path: String,
}

impl Chromium {
    async fn shared() -> &'static Self {
        static CHROMIUM: OnceCell<Chromium> = OnceCell::const_new();
        CHROMIUM.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let program = PROGRAMS.iter().map(PathBuf::from).find(|program| program.exists());
        let program = program.expect("Chromium is not installed; `tests/run` installs it");
        let dir = scratch("chromium");
        let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        args.push(format!("--user-data-dir={}", dir.display()));
        let mut process = Process::start(&program, &args, &[], &dir, &dir.join("log"));
        let port = until("Chromium listens", PATIENCE, async || {
            assert!(process.ended().is_none(), "{}", process.said());
            let said = fs::read_to_string(dir.join("DevToolsActivePort")).ok()?;
            let (port, path) = said.split_once('\n')?;
            Some((port.to_owned(), path.trim().to_owned()))
        });
        let (port, path) = port.await;
        Self { _process: process, address: format!("ws://127.0.0.1:{port}"), path }
    }
}

/// The browser of one person: cookies and history of its own.
pub struct Window {
    line: Line,
    context: Value,
}

impl Window {
    /// Opens one, with nothing in it. It ends when it is dropped.
    pub async fn open() -> Self {
        let chromium = Chromium::shared().await;
        let mut line = Line::connect(&chromium.path).await;
        let context = line.call("Target.createBrowserContext", json!({ "disposeOnDetach": true }));
        let context = context.await["browserContextId"].take();
        Self { line, context }
    }

    /// A tab of it, as large as a laptop's.
    pub async fn tab(&mut self) -> Tab {
        let wanted = json!({ "url": "about:blank", "browserContextId": self.context });
        let target = self.line.call("Target.createTarget", wanted).await;
        let path = format!("/devtools/page/{}", target["targetId"].as_str().unwrap());
        let mut tab = Tab { line: Line::connect(&path).await };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            tab.line.call(domain, json!({})).await;
        }
        tab.size(1280, 900).await;
        tab.scheme("light").await;
        tab
    }
}

/// A connection to the browser, or to one of its tabs.
struct Line {
    socket: Socket,
    last: u64,
    /// What came besides answers.
    events: Vec<Value>,
}

impl Line {
    async fn connect(path: &str) -> Self {
        let address = format!("{}{path}", Chromium::shared().await.address);
        let (socket, _) = connect_async(address).await.unwrap();
        Self { socket, last: 0, events: Vec::new() }
    }

    /// Calls a method, and waits for its answer.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let call = json!({ "id": self.last, "method": method, "params": params });
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("no answer to {method}"));
            let Message::Text(text) = message.unwrap().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.last {
                return message;
            }
            self.events.push(message);
        }
    }
}

/// What kind of passkey is plugged in.
#[derive(Clone, Copy, Debug)]
pub struct Plugged {
    /// Part of the device, and no key that is plugged in.
    pub is_platform: bool,
    /// Whether it names its owner by itself.
    pub is_resident: bool,
    /// Whether it verifies its owner.
    pub verifies: bool,
}

impl Plugged {
    /// What telephones and laptops have.
    pub const PASSKEY: Self = Self { is_platform: true, is_resident: true, verifies: true };
    /// A key to be touched, and no more.
    pub const SECURITY_KEY: Self = Self { is_platform: false, is_resident: false, verifies: false };
}

/// A tab. What it is told to do it does as for a person; what it is asked is read from its page.
pub struct Tab {
    line: Line,
}

impl Tab {
    /// Goes to an address, as if it had been typed.
    pub async fn open(&mut self, address: &str) {
        self.line.call("Page.navigate", json!({ "url": address })).await;
    }

    /// Waits until the page shows this element (a CSS selector).
    ///
    /// # Panics
    /// When it does not.
    pub async fn see(&mut self, selector: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.has(selector).await {
            if tokio::time::Instant::now() > deadline {
                let (url, text) = (self.url().await, self.text("body").await);
                panic!("`{selector}` is not at {url}:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until this is so on the page.
    ///
    /// # Panics
    /// When it never is.
    pub async fn holds(&mut self, expression: &str) {
        until(expression, PATIENCE, async || {
            (self.evaluate(expression).await == true).then_some(())
        })
        .await;
    }

    /// Forgets every cookie.
    pub async fn clear_cookies(&mut self) {
        self.line.call("Network.clearBrowserCookies", json!({})).await;
    }

    /// Whether the page, once loaded, has this element.
    pub async fn has(&mut self, selector: &str) -> bool {
        let selector = Value::from(selector);
        let found = format!(
            "document.readyState === 'complete' && document.querySelector({selector}) !== null"
        );
        // Between two pages there is nothing to ask.
        let asked = json!({ "expression": found, "returnByValue": true });
        let answer = self.line.ask("Runtime.evaluate", asked).await;
        answer["result"]["result"]["value"] == true
    }

    /// What an expression is on the page.
    ///
    /// # Panics
    /// When it throws.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.line.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The words of an element, as they are shown.
    pub async fn text(&mut self, selector: &str) -> String {
        let of = format!("document.querySelector({}).innerText", Value::from(selector));
        self.evaluate(&of).await.as_str().unwrap().to_owned()
    }

    /// An attribute of an element; "" where it has none.
    pub async fn attribute(&mut self, selector: &str, name: &str) -> String {
        let (selector, name) = (Value::from(selector), Value::from(name));
        let of = format!("document.querySelector({selector}).getAttribute({name}) || ''");
        self.evaluate(&of).await.as_str().unwrap().to_owned()
    }

    /// Its address.
    pub async fn url(&mut self) -> String {
        self.evaluate("location.href").await.as_str().unwrap().to_owned()
    }

    /// Clicks in the middle of an element.
    pub async fn click(&mut self, selector: &str) {
        self.see(selector).await;
        let middle = format!(
            "(function () {{ var it = document.querySelector({}); it.scrollIntoView({{block: \
             'center'}}); var box = it.getBoundingClientRect(); return [box.left + box.width / 2, \
             box.top + box.height / 2]; }})()",
            Value::from(selector)
        );
        let at = self.evaluate(&middle).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.line.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Clicks into a field, and types in the place of what it holds.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector).await;
        let select = format!("document.querySelector({}).select()", Value::from(selector));
        self.evaluate(&select).await;
        self.type_in(text).await;
    }

    /// Types where the focus is.
    pub async fn type_in(&mut self, text: &str) {
        self.line.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Fills in the sign-in page with somebody's address and password, and sends it by the keyboard.
    pub async fn sign_in(&mut self, person: &Person) {
        self.fill("#username", &person.email).await;
        self.fill("#password", &person.password).await;
        self.press("Enter").await;
    }

    /// Presses `Tab`, `Enter` or `Space`.
    pub async fn press(&mut self, key: &str) {
        let (key, code, number, text) = match key {
            "Tab" => ("Tab", "Tab", 9, ""),
            "Enter" => ("Enter", "Enter", 13, "\r"),
            "Space" => (" ", "Space", 32, " "),
            other => panic!("unknown key {other}"),
        };
        for kind in [if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "keyUp"] {
            let text = if kind == "keyUp" { "" } else { text };
            let event = json!({
                "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text,
            });
            self.line.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Presses `Tab` until the focus is on this element.
    ///
    /// # Panics
    /// When it never comes there.
    pub async fn tab_to(&mut self, selector: &str) {
        let there = format!("document.activeElement.matches({})", Value::from(selector));
        for _ in 0..30 {
            self.press("Tab").await;
            if self.evaluate(&there).await == true {
                return;
            }
        }
        panic!("the keyboard does not reach `{selector}`");
    }

    /// Presses the back button, and waits until the page is left.
    ///
    /// # Panics
    /// When there is nothing to go back to.
    pub async fn back(&mut self) {
        let history = self.line.call("Page.getNavigationHistory", json!({})).await;
        let current = usize::try_from(history["currentIndex"].as_u64().unwrap()).unwrap();
        let entry = &history["entries"][current - 1]["id"];
        self.line.call("Page.navigateToHistoryEntry", json!({ "entryId": entry })).await;
        until("the page is left", PATIENCE, async || {
            let history = self.line.call("Page.getNavigationHistory", json!({})).await;
            (history["currentIndex"] == current - 1).then_some(())
        })
        .await;
    }

    /// Loads the page once more.
    pub async fn reload(&mut self) {
        self.line.call("Page.reload", json!({})).await;
    }

    /// Makes it so large, in CSS pixels.
    pub async fn size(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.line.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers a colour scheme, `light` or `dark`; and that nothing moves: half a change of colour
    /// is judged by nobody.
    pub async fn scheme(&mut self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.line.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Prefers languages (`Accept-Language`).
    pub async fn languages(&mut self, accepted: &str) {
        let headers = json!({ "headers": { "Accept-Language": accepted } });
        self.line.call("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Plugs a passkey in, in software: what this tab's pages ask is answered by it, and no dialog is
    /// shown. Its name, by which it is changed and unplugged.
    pub async fn plug_in(&mut self, plugged: Plugged) -> String {
        self.line.call("WebAuthn.enable", json!({ "enableUI": false })).await;
        let options = json!({
            "protocol": "ctap2",
            "transport": if plugged.is_platform { "internal" } else { "usb" },
            "hasResidentKey": plugged.is_resident,
            "hasUserVerification": plugged.verifies,
            "isUserVerified": plugged.verifies,
            "automaticPresenceSimulation": true,
        });
        let wanted = json!({ "options": options });
        let made = self.line.call("WebAuthn.addVirtualAuthenticator", wanted).await;
        made["authenticatorId"].as_str().unwrap().to_owned()
    }

    /// Whether its owner shows it who they are, from now on.
    pub async fn verified(&mut self, authenticator: &str, is_verified: bool) {
        let wanted = json!({ "authenticatorId": authenticator, "isUserVerified": is_verified });
        self.line.call("WebAuthn.setUserVerified", wanted).await;
    }

    /// Whether its owner touches it at once, from now on; what is asked while they do not is never
    /// answered.
    pub async fn touched(&mut self, authenticator: &str, is_touched: bool) {
        let wanted = json!({ "authenticatorId": authenticator, "enabled": is_touched });
        self.line.call("WebAuthn.setAutomaticPresenceSimulation", wanted).await;
    }

    /// Loses it, with the keys in it.
    pub async fn unplug(&mut self, authenticator: &str) {
        let lost = json!({ "authenticatorId": authenticator });
        self.line.call("WebAuthn.removeVirtualAuthenticator", lost).await;
    }

    /// How many keys are in it.
    pub async fn keys_in(&mut self, authenticator: &str) -> usize {
        let asked = json!({ "authenticatorId": authenticator });
        let found = self.line.call("WebAuthn.getCredentials", asked).await;
        found["credentials"].as_array().unwrap().len()
    }

    /// Runs a script in every page before its own, from now on.
    pub async fn before_each_page(&mut self, script: &str) {
        let script = json!({ "source": script });
        self.line.call("Page.addScriptToEvaluateOnNewDocument", script).await;
    }

    /// Runs no script of any page from now on.
    pub async fn without_scripts(&mut self) {
        self.line.call("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// What pages did that they should not have: errors in scripts, and what the policy refused.
    pub async fn complaints(&mut self) -> Vec<String> {
        // Every event of before this call has come by its answer.
        self.evaluate("0").await;
        let events = std::mem::take(&mut self.line.events);
        let complaint = |event: &Value| match event["method"].as_str()? {
            "Runtime.exceptionThrown" => Some(event["params"].to_string()),
            "Log.entryAdded" => {
                let entry = &event["params"]["entry"];
                let text = entry["text"].as_str().unwrap_or_default();
                // The status of a page that shows what is wrong is no mistake of the page.
                let is_status = text.starts_with("Failed to load resource");
                (entry["level"] == "error" && !is_status)
                    .then(|| format!("{text} {}", entry["url"]))
            }
            _ => None,
        };
        events.iter().filter_map(complaint).collect()
    }

    /// What is wrong with the page for those who do not see it, see it badly, or have no mouse:
    /// nothing. With axe-core where `SIGNALBOX_TEST_AXE` names its file.
    ///
    /// # Panics
    /// When something is.
    pub async fn is_accessible(&mut self) {
        let found = self.evaluate(include_str!("accessibility.js")).await;
        assert_eq!(found, json!([]), "{}", self.url().await);
        let Some(axe) = std::env::var_os("SIGNALBOX_TEST_AXE") else { return };
        let script = fs::read_to_string(axe).unwrap();
        self.line.call("Runtime.evaluate", json!({ "expression": script })).await;
        let found = self
            .evaluate(
                "axe.run().then(function (result) { return result.violations.map(function (one) { \
                 return one.id + ': ' + one.nodes.map(function (node) { return node.html; }); }); })",
            )
            .await;
        assert_eq!(found, json!([]), "{}", self.url().await);
    }
}
