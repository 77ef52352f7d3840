//! SHA-256 digests, by which data, splits, runs and weights are identified.

use std::fmt;
use std::io::Read;
use std::str::FromStr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of all that `reader` yields, and its length in bytes.
    ///
    /// # Errors
    /// Those of `reader`.
    pub fn of_reader(mut reader: impl Read) -> std::io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let n = reader.read(&mut buffer)?;
            if n == 0 {
                return Ok((Self(hasher.finalize().into()), length));
            }
            hasher.update(&buffer[..n]);
            length += n as u64;
        }
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(lower_hex) {
            return Err(format!("a SHA-256 digest is 64 lower-case hexadecimal digits, this is `{text}`"));
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|e| e.to_string())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|e| e.to_string())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::described! { Digest: { "type": "string", "pattern": "^[0-9a-f]{64}$" } }

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A reader whose bytes are digested on a thread of its own: SHA-256 takes about as long as what is done with a text.
pub struct Hashing<R> {
    reader: R,
    blocks: SyncSender<Vec<u8>>,
}

/// The digest of what a [`Hashing`] reads, as it becomes known.
pub struct Hashed(JoinHandle<(Digest, u64)>);

/// Blocks that wait to be digested: enough for both threads to go on, and little memory.
const WAITING: usize = 8;

impl<R: Read> Hashing<R> {
    pub fn new(reader: R) -> (Self, Hashed) {
        let (blocks, given) = sync_channel::<Vec<u8>>(WAITING);
        let thread = std::thread::spawn(move || {
            let (mut hasher, mut bytes) = (Sha256::new(), 0);
            for block in given {
                hasher.update(&block);
                bytes += block.len() as u64;
            }
            (Digest(hasher.finalize().into()), bytes)
        });
        (Self { reader, blocks }, Hashed(thread))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        if n > 0 {
            self.blocks.send(buffer[..n].to_vec()).expect("the thread takes blocks as long as there are any");
        }
        Ok(n)
    }
}

impl Hashed {
    /// The digest of all that was read, and its length in bytes. Waits for the reader to be dropped.
    pub fn wait(self) -> (Digest, u64) {
        self.0.join().expect("digesting does not panic")
    }
}

/// Digests a sequence of named fields. Every field is preceded by its name and length, so that no
/// two different sequences feed the same bytes.
pub struct FieldHasher(Sha256);

impl FieldHasher {
    /// `domain` names the kind of the digested thing and the version of its encoding, such as `reprise split 1`.
    pub fn new(domain: &str) -> Self {
        let mut new = Self(Sha256::new());
        new.bytes(domain.as_bytes());
        new
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub fn field(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.bytes(name.as_bytes());
        self.bytes(bytes);
        self
    }

    pub fn u32s(&mut self, name: &str, values: &[u32]) -> &mut Self {
        self.words(name, values, |v| v.to_le_bytes())
    }

    pub fn f32s(&mut self, name: &str, values: &[f32]) -> &mut Self {
        self.words(name, values, |v| v.to_le_bytes())
    }

    fn words<T: Copy>(&mut self, name: &str, values: &[T], word: impl Fn(T) -> [u8; 4]) -> &mut Self {
        self.bytes(name.as_bytes());
        self.0.update((values.len() as u64 * 4).to_le_bytes());
        for chunk in values.chunks(4096) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|&v| word(v)).collect();
            self.0.update(&bytes);
        }
        self
    }

    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_empty_is_the_published_vector() {
        assert_eq!(Digest::of(b"").to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn parses_its_own_text_and_refuses_others() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("abc".parse::<Digest>().is_err());
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    }

    #[test]
    fn what_is_read_is_digested_beside_it() {
        let text: Vec<u8> = (0..1_000_000u64).map(|at| ((at * at) >> 7) as u8).collect();
        for (text, buffer) in [(&text[..], 1000), (&text[..999], 1), (b"", 10)] {
            let (reader, hashed) = Hashing::new(text);
            let mut read = Vec::new();
            std::io::BufReader::with_capacity(buffer, reader).read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
            assert_eq!(hashed.wait(), (Digest::of(text), text.len() as u64));
        }
        // Nobody asks.
        drop(Hashing::new(&text[..]));
    }

    #[test]
    fn field_boundaries_matter() {
        let digest = |a: &[u8], b: &[u8]| {
            let mut hasher = FieldHasher::new("test");
            hasher.field("a", a).field("b", b);
            hasher.finish()
        };
        assert_ne!(digest(b"12", b"3"), digest(b"1", b"23"));
    }
}
