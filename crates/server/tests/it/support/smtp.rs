//! Somebody's mail server: takes every mail and remembers it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail server on a port of its own. It ends with the test.
pub struct MailServer {
    pub url: String,
    mails: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl MailServer {
    pub async fn start() -> Self {
        let mails = Arc::<Mutex<Vec<String>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let kept = mails.clone();
        #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up in the middle is the client's affair.
                let _ = talk(stream, &kept).await;
            }
        });
        Self { url, mails, serving }
    }

    /// Returns the mails that came since this was last called: envelope and text.
    pub fn mails(&self) -> Vec<String> {
        std::mem::take(&mut self.mails.lock().expect("no panic"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn talk(stream: TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.test\r\n").await?;
    let (mut mail, mut is_data) = (String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            _ if is_data && line == ".\r\n" => {
                mails.lock().expect("no panic").push(std::mem::take(&mut mail));
                is_data = false;
                b"250 taken\r\n"
            }
            _ if is_data => {
                mail.push_str(&line);
                continue;
            }
            "DATA" => {
                is_data = true;
                b"354 go on\r\n"
            }
            "MAIL" | "RCPT" => {
                mail.push_str(&line);
                b"250 ok\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 mail.test\r\n",
        };
        stream.write_all(answer).await?;
    }
}
