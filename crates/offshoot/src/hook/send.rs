//! Hands a report to the server that runs now: one plain HTTP request by hand, since a client library
//! would take longer to start than all of this.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use offshoot_protocol::hook::HookFile;

use crate::client::server_file;

/// Sends a report; fails when the server has not taken it by the deadline.
pub(super) fn send(file: &HookFile, body: &[u8], deadline: Instant) -> io::Result<()> {
    let found = server_file(&file.home).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    // With TLS, the file names the address that only this machine reaches, without it.
    let authority = found.url.strip_prefix("http://").unwrap_or_default();
    let address = resolve(authority)?;
    let mut stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let HookFile { worker, token, .. } = file;
    let length = body.len();
    let mut request = format!(
        "POST /api/workers/{worker}/hooks HTTP/1.1\r\nHost: {authority}\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request)?;
    if is_success(&read_status(&mut stream, deadline)?) {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Reads as far as the status: what follows says nothing more.
fn read_status(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    const STATUS_BYTES: usize = "HTTP/1.1 200".len();
    let mut status = Vec::new();
    let mut piece = [0_u8; 64];
    while status.len() < STATUS_BYTES {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n_bytes => status.extend_from_slice(&piece[..n_bytes]),
        }
    }
    Ok(status)
}

fn is_success(status: &[u8]) -> bool {
    status.starts_with(b"HTTP/1.1 2") || status.starts_with(b"HTTP/1.0 2")
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// Reads an address. Names are not asked for: that may take longer than a hook has.
fn resolve(authority: &str) -> io::Result<SocketAddr> {
    let numeric = authority.replacen("localhost:", "127.0.0.1:", 1);
    let address: SocketAddr = numeric
        .parse()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_connected_to() {
        assert_eq!(resolve("localhost:7").unwrap().port(), 7);
        assert!(resolve("[::1]:7171").is_ok());
        assert!(resolve("shoot.example:80").is_err());
    }

    #[test]
    fn a_status_is_a_success_or_not() {
        assert!(is_success(b"HTTP/1.1 204 No Content"));
        assert!(!is_success(b"HTTP/1.1 401 Unauthorized"));
        assert!(!is_success(b"SSH-2.0"));
    }
}
