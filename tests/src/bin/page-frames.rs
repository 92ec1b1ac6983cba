//! `cargo xtask frames`: how long the frames of a page take while somebody works with it, in headless Chromium.
//!
//! The page has 200 texts of 100 source and 100 target tokens. A driver scrolls, searches, opens texts, points at tokens and
//! moves the controls, one thing a frame, and measures each frame from its start to its end on screen.

#[path = "../../../crates/inseq-viz/examples/gallery/samples.rs"]
#[allow(dead_code, reason = "not every sample is needed here")]
mod samples;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use inseq_viz::html::{HtmlOptions, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let browser = std::env::var("INSEQ_BROWSER").unwrap_or_else(|_| "chromium".into());
    let page = render(&samples::result(samples::many(200, 100)), &HtmlOptions::default())?;
    // The page's own policy would not let another script in.
    let driven = page
        .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
        .replace("</body>", &format!("<script>{}</script></body>", include_str!("page-frames/driver.js")));
    // The browser's processes may still write when it is closed; the folder then goes as far as it can.
    let folder = tempfile::tempdir()?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let browser = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"])
        .args(["--window-size=1400,1000", "--disable-background-networking"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(format!("http://{}", server.local_addr()?))
        .stderr(std::process::Stdio::null())
        .spawn()
        .map(Browser)?;
    let table = measured(&server, &driven)?;
    drop(browser);
    println!("page of {:.1} MB\n\n{table}", page.len() as f64 / 1e6);
    Ok(())
}

/// A browser that is closed when it is no longer needed.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gives the page to whoever asks, until the driver sends what it has measured.
fn measured(server: &TcpListener, page: &str) -> std::io::Result<String> {
    for connection in server.incoming() {
        let mut connection = connection?;
        // Browsers open connections that they may never use.
        connection.set_read_timeout(Some(Duration::from_millis(500)))?;
        let Ok((head, body)) = request(&mut connection) else { continue };
        let answer = if head.starts_with("GET / ") { page } else { "" };
        let length = answer.len();
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        connection.write_all(answer.as_bytes())?;
        if head.starts_with("POST ") {
            return Ok(body);
        }
    }
    Err(std::io::Error::other("the driver did not come to its end"))
}

/// The head and the body of a request.
fn request(connection: &mut TcpStream) -> std::io::Result<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0usize) {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        match connection.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
