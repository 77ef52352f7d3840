//! Refusals that several parts of a spec share, each with the place of what is refused.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::document::{Document, tree};
use crate::error::{Error, Result};
use crate::file::is_device;
use crate::metrics::{Metric, Protocol};
use crate::suggest::{did_you_mean, one_of, quoted};

/// Letters of the longest name: with what is put around it, file names have 255 bytes.
const LONGEST_NAME: usize = 100;

/// A name that is safe as a folder and as a key of a random stream on every system.
pub fn plain_name(document: &Document<'_>, name: &Spanned<impl AsRef<str>>, what: &str) -> Result<()> {
    let text = name.get_ref().as_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let device = is_device(text);
    if begins && text.chars().all(plain) && !text.ends_with('.') && text.len() <= LONGEST_NAME && !device {
        return Ok(());
    }
    let shown: String = text.chars().take(LONGEST_NAME).collect();
    Err(document
        .refuse(name.span(), format!("{what} cannot be `{shown}`"))
        .expected(format!(
            "at most {LONGEST_NAME} lower-case letters, digits, `-` and `.`, beginning with a letter or digit, not ending \
             with `.`, and no name of a device such as `con`"
        ))
        .got(format!("`{shown}`, of {} bytes", text.len())))
}

/// The strings of an array; nothing if it is no array.
pub fn metric_texts<'t>(array: Option<&'t Spanned<DeValue<'_>>>) -> impl Iterator<Item = Spanned<&'t str>> + use<'t> {
    let items = array.and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|items| items.iter());
    items.filter_map(|item| item.get_ref().as_str().map(|text| Spanned::new(item.span(), text)))
}

/// Parses a metric.
pub fn metric(document: &Document<'_>, text: &Spanned<impl AsRef<str>>) -> Result<Metric> {
    let name = text.get_ref().as_ref();
    name.parse().map_err(|wrong: Error| wrong.at(document.place(text.span())))
}

/// A metric that the protocol measures.
pub fn measured(document: &Document<'_>, text: &Spanned<impl AsRef<str>>, protocol: &Protocol) -> Result<Metric> {
    let metric = metric(document, text)?;
    if protocol.metrics.contains(&metric) {
        return Ok(metric);
    }
    let name = text.get_ref().as_ref();
    let known: Vec<String> = protocol.metrics.iter().map(Metric::to_string).collect();
    let names = || known.iter().map(String::as_str);
    let error = document
        .refuse(text.span(), format!("the protocol does not measure `{name}`"))
        .expected(one_of(names()))
        .got(format!("`{name}`"));
    Err(did_you_mean(error, name, names()))
}

/// An error about a value of the wrong type.
pub fn wrong_type(document: &Document<'_>, value: &Spanned<DeValue<'_>>, expected: &str) -> Error {
    document
        .refuse(value.span(), "the value has the wrong type")
        .expected(expected)
        .got(format!("`{}`", tree::value_text(value.get_ref())))
}

/// Refuses an empty list.
pub fn not_empty<T>(document: &Document<'_>, list: &Spanned<T>, empty: bool, noun: &str) -> Result<()> {
    if !empty {
        return Ok(());
    }
    Err(document
        .refuse(list.span(), format!("there is no {noun}"))
        .expected(format!("at least one {noun}"))
        .got("none"))
}

/// Refuses a value that stands twice.
pub fn unique<T: Ord + Display>(document: &Document<'_>, values: &[Spanned<T>], noun: &str) -> Result<()> {
    let mut seen: BTreeMap<&T, Range<usize>> = BTreeMap::new();
    for value in values {
        if let Some(first) = seen.insert(value.get_ref(), value.span()) {
            let line = document.line(first.start);
            return Err(document
                .refuse(value.span(), format!("the {noun} `{value}` stands twice"))
                .expected(format!("every {noun} once"))
                .got(format!("`{value}`, which already stands in line {line}")));
        }
    }
    Ok(())
}

/// Refuses a trial that the spec does not have.
pub fn known_trial(document: &Document<'_>, id: &Spanned<String>, trials: &[&str]) -> Result<()> {
    let name = id.get_ref().as_str();
    if trials.contains(&name) {
        return Ok(());
    }
    let error = document
        .refuse(id.span(), format!("there is no trial `{name}`"))
        .expected(format!("a trial of this spec: {}", quoted(trials.iter().copied())))
        .got(format!("`{name}`"));
    Err(did_you_mean(error, name, trials.iter().copied()))
}
