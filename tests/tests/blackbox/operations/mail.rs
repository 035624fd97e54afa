//! Mail by SMTP, to a server that keeps what it is given.

use serde_json::json;
use tests::{World, outbox::token_of, person::Person};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// Speaks as much of RFC 5321 as a client needs to hand over one message a connection.
async fn receive(stream: TcpStream, mails: mpsc::Sender<String>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 localhost ready\r\n").await?;
    let (mut line, mut mail, mut in_data) = (String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if in_data {
            if line != ".\r\n" {
                mail.push_str(&line);
                continue;
            }
            in_data = false;
            mails.send(std::mem::take(&mut mail)).await.ok();
        }
        let answer: &[u8] = match line.split([' ', '\r']).next().unwrap_or_default() {
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}

#[tokio::test]
async fn a_mail_leaves_by_smtp_as_text_and_html() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (mails, mut received) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(receive(stream, mails.clone()));
        }
    });
    let world = World::plan().set("mail.url", url).start().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));

    let mail = received.recv().await.unwrap();
    assert!(mail.contains(&format!("To: {}", person.email)), "{mail}");
    assert!(mail.contains("multipart/alternative"), "{mail}");
    assert!(mail.contains("text/plain") && mail.contains("text/html"), "{mail}");
    // Quoted-printable breaks lines with `=`.
    let token = token_of(&mail.replace("=\r\n", "").replace("=3D", "=")).unwrap();
    drop(rail.post("/verify-email", json!({ "token": token })).await.data(200));
    drop(world.sign_in(&person).await);
    // What leaves by a transport is nobody else's to read.
    assert_eq!(rail.root("GET", "/dev/outbox?format=json").await.status, 404);
}

#[tokio::test]
async fn a_mail_server_that_is_away_holds_up_no_answer() {
    let away = format!("smtp://127.0.0.1:{}", tests::world::free_port());
    let world = World::plan().set("mail.url", away).start().await;
    drop(world.rail().post("/register", Person::new().registration()).await.data(201));
}
