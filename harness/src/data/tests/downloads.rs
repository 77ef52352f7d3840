//! Files from a server.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;

/// Answers one connection per element with its bytes, then closes it; gives back the requests.
fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/train.tsv", listener.local_addr().unwrap());
    let serve = move || {
        let answer = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(&answer).unwrap();
            request.join("\n").to_lowercase()
        };
        answers.into_iter().map(answer).collect()
    };
    (url, thread::spawn(serve))
}

fn answer(head: &str, length: usize, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

#[test]
fn a_cut_download_is_resumed() {
    let cut = answer("200 OK", TRAIN.len(), &TRAIN[..6]);
    let range = format!("206 Partial Content\r\nContent-Range: bytes 6-{}/{}", TRAIN.len() - 1, TRAIN.len());
    let (url, server) = server(vec![cut, answer(&range, TRAIN.len() - 6, &TRAIN[6..])]);
    let site = Site::with_url(&url, TRAIN);
    let error = site.fetch().unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Io, "a download was cut"));
    site.fetched();
    let requests = server.join().unwrap();
    assert!(!requests[0].contains("range:") && requests[1].contains("range: bytes=6-"), "{requests:?}");
}

#[test]
fn a_server_that_ignores_the_range_starts_over() {
    let cut = answer("200 OK", TRAIN.len(), &TRAIN[..6]);
    let (url, _server) = server(vec![cut, answer("200 OK", TRAIN.len(), TRAIN)]);
    let site = Site::with_url(&url, TRAIN);
    site.fetch().unwrap_err();
    site.fetched();
}

#[test]
fn a_server_that_answers_with_another_range_starts_over() {
    let cut = answer("200 OK", TRAIN.len(), &TRAIN[..6]);
    for range in ["", "\r\nContent-Range: bytes 0-14/15", "\r\nContent-Range: bytes 7-14/15"] {
        let other = answer(&format!("206 Partial Content{range}"), TRAIN.len(), TRAIN);
        let (url, server) = server(vec![cut.clone(), other, answer("200 OK", TRAIN.len(), TRAIN)]);
        let site = Site::with_url(&url, TRAIN);
        site.fetch().unwrap_err();
        site.fetched();
        let requests = server.join().unwrap();
        assert!(requests[1].contains("range: bytes=6-") && !requests[2].contains("range:"), "{requests:?}");
    }
}

/// Gzip from a server may be longer or shorter than the manifest saw it; no more is taken than its content can need.
#[test]
fn gzip_from_a_server_is_known_by_its_content() {
    let stored = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(TRAIN).unwrap();
        encoder.finish().unwrap()
    };
    assert_ne!(stored.len(), gzip(TRAIN).len());
    let site = |url: &str| {
        let mut site = Site::with_url(url, TRAIN);
        site.sources[0] += &format!("gzip = true\n{}", pins(&gzip(TRAIN)));
        site
    };
    let (url, _server) = server(vec![answer("200 OK", stored.len(), &stored)]);
    site(&url).fetched();
    let endless = [stored, vec![0; 10_000]].concat();
    let (url, _server) = server(vec![answer("200 OK", endless.len(), &endless)]);
    assert_eq!(site(&url).refused_fetch(&[]).what(), "a download is too long");
}

#[test]
fn wrong_downloads_leave_nothing_behind() {
    let long = [TRAIN, b"7\t12\n"].concat();
    let mut other = TRAIN.to_vec();
    other[0] = b'8';
    for (bytes, what) in [
        (&TRAIN[..6], "a data file is too short"),
        (&long[..], "a download is too long"),
        (&other[..], "a data file has another digest"),
        (b"", "a data file is empty"),
    ] {
        let (url, _server) = server(vec![answer("200 OK", bytes.len(), bytes)]);
        let error = Site::with_url(&url, TRAIN).refused_fetch(&[]);
        assert_eq!((error.kind(), error.what()), (Kind::Data, what));
    }
    let (url, _server) = server(vec![answer("404 Not Found", 0, b"")]);
    assert_eq!(Site::with_url(&url, TRAIN).refused_fetch(&[]).kind(), Kind::Missing);
}

#[test]
fn two_fetches_at_once_download_once() {
    // The server answers a single connection: a second one would fail.
    let (url, server) = server(vec![answer("200 OK", TRAIN.len(), TRAIN)]);
    let site = Site::with_url(&url, TRAIN);
    thread::scope(|scope| {
        let both = [scope.spawn(|| site.fetch()), scope.spawn(|| site.fetch())];
        assert_eq!(both.map(|fetch| fetch.join().unwrap()), [Ok(()), Ok(())]);
    });
    assert_eq!(server.join().unwrap().len(), 1);
}
