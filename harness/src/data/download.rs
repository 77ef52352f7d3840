//! One file over HTTP, resumed where an earlier attempt stopped.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use ureq::http::StatusCode;
use ureq::http::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};

use crate::error::{Error, Kind, Place, Result};
use crate::file::create;

/// A server that takes longer than this to be reached or to answer is taken to be away.
const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that sends nothing for this long is taken to be cut.
const SILENCE: Duration = Duration::from_secs(60);

/// How many bytes the whole file has.
#[derive(Clone, Copy)]
pub(super) struct Length {
    /// Where it is known. Gzip may come compressed otherwise, and then has another.
    pub expected: Option<u64>,
    /// More are not taken.
    pub most: u64,
}

/// Downloads `url` to `part`, after what `part` already holds; `received` is told of every block.
///
/// # Errors
/// `Missing` if the server cannot be reached or does not have the file; `Io` if the connection is
/// cut (`part` stays, for the next attempt); `Data` if more comes than `length.most` (`part` is removed).
pub(super) fn download(url: &str, part: &Path, length: Length, received: &mut dyn FnMut(u64)) -> Result<()> {
    let failed = |what: &str| {
        let what = what.to_string();
        move |error: std::io::Error| Error::io(what, part, &error)
    };
    // Not what a link points at: a download goes on in a file of its own, or begins one.
    let mut have = fs::symlink_metadata(part).map_or(0, |found| if found.is_file() { found.len() } else { 0 });
    if have > length.most {
        have = 0;
    }
    if have > 0 && length.expected == Some(have) {
        return Ok(());
    }
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .new_agent();
    // A range counts the bytes that are sent, so they must not be compressed on the way.
    let ask = |from: u64| {
        let mut request = agent.get(url).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|error| unreachable_server(url, &error.to_string()))
    };
    let mut response = ask(have)?;
    let begins_at = |range: &str| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok();
    let goes_on = |answer: &ureq::http::Response<ureq::Body>| {
        let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).and_then(begins_at);
        have > 0 && range == Some(have)
    };
    // A server that cannot go on from there, or goes on from elsewhere, is asked for the whole.
    let cannot = match response.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => have > 0,
        StatusCode::PARTIAL_CONTENT => have > 0 && !goes_on(&response),
        _ => false,
    };
    if cannot {
        have = 0;
        response = ask(0)?;
    }
    let resumed = match response.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => true,
        StatusCode::OK => false,
        other => return Err(unreachable_server(url, &format!("the server answers {other}"))),
    };
    let mut file = if resumed {
        OpenOptions::new().append(true).open(part).map_err(failed("cannot go on with a download"))?
    } else {
        have = 0;
        create(part).map_err(failed("cannot begin a download"))?
    };
    received(have);
    // The stated length is checked here, so the library's own limit must not be met before.
    let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = body.read(&mut buffer).map_err(|error| cut(url, have, length.expected, &error.to_string()))?;
        if n == 0 {
            break;
        }
        have += n as u64;
        if have > length.most {
            drop(file);
            fs::remove_file(part).map_err(failed("cannot remove a download"))?;
            return Err(Error::new(Kind::Data, "a download is too long")
                .at(Place::file(url))
                .expected(format!("{} bytes", length.expected.unwrap_or(length.most)))
                .got("more"));
        }
        file.write_all(&buffer[..n]).map_err(failed("cannot write a download"))?;
        received(n as u64);
    }
    file.flush().map_err(failed("cannot write a download"))
}

fn unreachable_server(url: &str, why: &str) -> Error {
    Error::new(Kind::Missing, "a file could not be downloaded").at(Place::file(url)).got(why)
}

fn cut(url: &str, have: u64, length: Option<u64>, why: &str) -> Error {
    Error::new(Kind::Io, "a download was cut")
        .at(Place::file(url))
        .expected(length.map_or("the rest of the file".into(), |length| format!("{length} bytes")))
        .got(format!("{have} bytes ({why})"))
        .hint("run the same command again: it goes on where this one stopped")
}
