//! A bundle for a double-blind review.

use crate::error::{Error, Kind, Place, Result};
use crate::meter::Arithmetic;
use crate::record::{Checked, LatencyRecord, Record};

/// The records without what tells who made them: command lines, which name folders, and the commit of the program, which may
/// stand in one public repository only. Each command is replaced by a plain one that makes the same record.
pub fn anonymous(mut checked: Checked) -> Checked {
    for record in &mut checked.current {
        record.command = command_of_run(record);
        (record.program.commit, record.program.dirty) = (None, None);
    }
    for record in &mut checked.latency {
        record.command = command_of_latency(record);
        (record.program.commit, record.program.dirty) = (None, None);
    }
    checked
}

fn command_of_run(record: &Record) -> String {
    let Record { spec, profile, trial, seed, .. } = record;
    match &record.lists {
        Some(lists) if lists.ran.is_none() => {
            format!("reprise judge {spec} --profile {profile} --run {trial}:{seed}=FILE")
        }
        lists => {
            let allowed = if lists.is_some() { " --allow-programs" } else { "" };
            let device = on_device(&record.device);
            format!("reprise run {spec} --profile {profile} --trial {trial} --seed {seed}{device}{allowed}")
        }
    }
}

fn command_of_latency(record: &LatencyRecord) -> String {
    let LatencyRecord { spec, profile, trial, seed, .. } = record;
    let device = on_device(&record.device);
    format!("reprise latency {spec} --profile {profile} --trial {trial} --seed {seed}{device}")
}

/// The option that asks for the device of a record.
fn on_device(device: &str) -> &'static str {
    if Arithmetic::of_device(device) == Arithmetic::Cuda { " --device cuda" } else { "" }
}

/// Words that tell who made a bundle: names of a person and of a machine, folders, addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// The words that tell something, each once: not those that are too short for a search.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().map(|word| word.trim().to_lowercase());
        let mut words: Vec<String> = words.filter(|word| word.chars().count() >= 3 && word != "/").collect();
        words.sort();
        words.dedup();
        Self(words)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Takes out the words that stand in `text`, and returns them.
    pub fn take_those_in(&mut self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        self.0.extract_if(.., |word| holds(&text, word)).collect()
    }

    /// Refuses a file of a bundle that has one of the words, in any case of letters and over the ends of lines; what is no text has
    /// none.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) with the first line that has one.
    pub fn must_not_stand_in(&self, name: &str, content: &[u8]) -> Result<()> {
        let Ok(text) = std::str::from_utf8(content) else { return Ok(()) };
        let refuse = |word: &str, place: Place| {
            Error::new(Kind::Input, "a file of the bundle tells who made it")
                .at(place)
                .expected("no name of this person, this machine or this repository")
                .got(format!("`{word}`"))
                .hint("take it out of the file, or make the bundle without `--anonymous`")
        };
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            if let Some(word) = self.iter().find(|word| holds(&lower, word)) {
                return Err(refuse(word, Place::file(name).line(index + 1)));
            }
        }
        let joined = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        match self.iter().find(|word| holds(&joined, word)) {
            Some(word) => Err(refuse(word, Place::file(name))),
            None => Ok(()),
        }
    }
}

/// Whether a word stands in a text and is no part of a longer one.
fn holds(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{latency_sample, sample};

    #[test]
    fn records_keep_their_results_and_lose_who_made_them() {
        let mut record = sample("a", 1);
        record.command = "/home/ada/bin/reprise run de-rrd/citeulike --results /home/ada/results".into();
        record.program.commit = Some("0123456789abcdef0123456789abcdef01234567".into());
        let latency = latency_sample("a", 1);
        let checked = Checked { current: vec![record.clone()], latency: vec![latency.clone()], stale: vec![] };
        let blind = anonymous(checked);
        assert_eq!(blind.current[0].command, "reprise run de-rrd/citeulike --profile paper --trial a --seed 1");
        assert_eq!(blind.latency[0].command, "reprise latency de-rrd/citeulike --profile paper --trial a --seed 1");
        assert_eq!((&blind.current[0].program.commit, blind.latency[0].program.dirty), (&None, None));
        assert_eq!(blind.current[0].digests, record.digests);
        assert_eq!(blind.current[0].metrics, record.metrics);
    }

    #[test]
    fn names_are_whole_words_in_any_case() {
        let names = Names::new(["Ada", "/home/ada", "ab", "", "node7.example.org"].map(String::from));
        assert_eq!(names.iter().collect::<Vec<_>>(), ["/home/ada", "ada", "node7.example.org"]);
        let refused =
            |text: &str| names.must_not_stand_in("NOTES.md", text.as_bytes()).err().map(|error| error.to_string());
        for clean in ["adarec, Adam, Canada", "", "/home/adam"] {
            assert_eq!(refused(clean), None, "{clean}");
        }
        let error = refused("one\nas ADA found").unwrap();
        assert!(error.contains("NOTES.md:2") && error.contains("`ada`"), "{error}");
        assert!(refused("at Node7.Example.org:").is_some());
        let whole = Names::new(["Ada Lovelace".to_string()]);
        assert!(whole.must_not_stand_in("NOTES.md", b"found by Ada\n  Lovelace").is_err());
        assert_eq!(names.must_not_stand_in("x.gz", &[0xff, b'a', b'd', b'a']), Ok(()));
        let mut fewer = names.clone();
        assert_eq!(fewer.take_those_in("thanks to Ada"), ["ada"]);
        assert_eq!(fewer.iter().collect::<Vec<_>>(), ["/home/ada", "node7.example.org"]);
    }
}
