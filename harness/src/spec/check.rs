//! From wire types to a checked spec. Everything that serde cannot see is refused here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::beside::Allowed;
use super::claim;
use super::origin;
use super::profile::Resolved;
use super::trials;
use super::wire::Wire;
use super::{Metric, Protocol, Spec};
use crate::document::{Document, tree};
use crate::error::{Error, Result};
use crate::method::Registry;
use crate::suggest::{did_you_mean, one_of, quoted};

/// Checks a resolved spec.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn check(document: &Document<'_>, resolved: &Resolved<'_>, registry: &Registry) -> Result<Spec> {
    let wire = Wire::read(document, &resolved.root)?;
    place(document, &wire)?;
    plain_name(document, &wire.dataset, "the dataset's id")?;
    let seeds = seeds(document, &wire.seeds)?;
    let trials = trials::check(document, &resolved.root, &wire, registry)?;
    if wire.paper.is_none()
        && let Some(span) = (wire.comparisons.first().map(|c| c.table.span()))
            .or(wire.curves.first().map(|c| c.file.span()))
            .or(wire.claims.first().map(|c| c.id.span()))
    {
        return Err(document
            .refuse(span, "nothing was published to compare with")
            .expected("`paper`: the folder of the paper that published it")
            .got("a spec of no paper"));
    }
    let names: Vec<&str> = wire.trials.get_ref().iter().map(|trial| trial.id.get_ref().as_str()).collect();
    let allowed = Allowed { document, trials: &names, protocol: &wire.protocol, split: &wire.split };
    let comparisons = wire.comparisons.iter().map(|wire| allowed.comparison(wire)).collect::<Result<_>>()?;
    let curves = wire.curves.iter().map(|wire| allowed.curve(wire)).collect::<Result<_>>()?;
    let claims = claim::check(document, &wire.claims, &names, &wire.protocol)?;
    Ok(Spec {
        id: wire.id.into_inner(),
        title: wire.title,
        file: document.file.to_path_buf(),
        profile: resolved.profile.clone(),
        paper: wire.paper.map(Spanned::into_inner),
        dataset: wire.dataset.into_inner(),
        events: wire.events,
        split: wire.split,
        protocol: wire.protocol,
        seeds,
        trials,
        comparisons,
        curves,
        claims,
        analysis: wire.analysis,
        resolved: origin::sections(document, resolved),
    })
}

/// Letters of the longest name: with what is put around it, file names have 255 bytes.
const LONGEST_NAME: usize = 100;

/// A name that is safe as a folder and as a key of a random stream on every system.
pub fn plain_name(document: &Document<'_>, name: &Spanned<impl AsRef<str>>, what: &str) -> Result<()> {
    let text = name.get_ref().as_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let device = crate::file::is_device(text);
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

/// The spec's id for a place in the tree: folders and file stem, `-` for `_`.
pub fn id_of_place(parts: &[&str]) -> String {
    parts.join("/").replace('_', "-")
}

/// A spec stands in its paper's folder, under its own name.
pub fn place(document: &Document<'_>, wire: &Wire) -> Result<()> {
    // With its folders spelt out: a spec may be named from inside its folder.
    let location = std::path::absolute(document.file)
        .map_err(|error| Error::io("cannot tell where the spec stands", document.file, &error))?;
    let stem = location.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let folder = location.parent().and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default();
    if let Some(paper) = &wire.paper
        && paper.get_ref() != folder
    {
        return Err(document
            .refuse(paper.span(), "the spec does not stand in its paper's folder")
            .expected(format!("`{folder}`, the folder that the spec is in"))
            .got(format!("`{}`", paper.get_ref())));
    }
    let expected = if wire.paper.is_some() { id_of_place(&[folder, stem]) } else { id_of_place(&[stem]) };
    if *wire.id.get_ref() != expected {
        return Err(document
            .refuse(wire.id.span(), "the id does not fit the file's place")
            .expected(format!("`{expected}`"))
            .got(format!("`{}`", wire.id.get_ref()))
            .hint("an id is the paper's folder (if `paper` names one) and the file's name, with `-` for `_`"));
    }
    Ok(())
}

fn seeds(document: &Document<'_>, seeds: &Spanned<Vec<Spanned<u64>>>) -> Result<Vec<u64>> {
    not_empty(document, seeds, seeds.get_ref().is_empty(), "seed")?;
    unique(document, seeds.get_ref(), "seed")?;
    Ok(seeds.get_ref().iter().map(|seed| *seed.get_ref()).collect())
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

/// The metrics of a protocol, before serde reads them: its errors would point at the whole table.
/// What is no array of strings is left to serde.
pub fn metrics(document: &Document<'_>, root: &DeTable<'_>) -> Result<()> {
    let array = root.get("protocol").and_then(|protocol| protocol.get_ref().get("metrics"));
    let Some((array, items)) = array.and_then(|array| Some((array, array.get_ref().as_array()?))) else {
        return Ok(());
    };
    not_empty(document, array, items.is_empty(), "metric")?;
    let parsed = metric_texts(Some(array)).map(|text| {
        let metric = metric(document, &text)?;
        Protocol::check_ranking(metric).map_err(|wrong| wrong.at(document.place(text.span())))?;
        Ok(Spanned::new(text.span(), metric))
    });
    unique(document, &parsed.collect::<Result<Vec<_>>>()?, "metric")
}

/// Refuses values that have no place in a spec: hyper-parameters are kept as JSON.
pub fn storable(document: &Document<'_>, root: &DeTable<'_>) -> Result<()> {
    let mut storable = Ok(());
    tree::walk(root, &mut |node| {
        if storable.is_ok() {
            storable = storable_value(document, node.value);
        }
    });
    storable
}

fn storable_value(document: &Document<'_>, value: &Spanned<DeValue<'_>>) -> Result<()> {
    let (what, expected) = match value.get_ref() {
        DeValue::Integer(number) if tree::integer(number).is_none() => {
            ("the integer is too large", "an integer from -2^63 to 2^63 - 1, all that TOML holds")
        }
        DeValue::Float(number) if tree::float(number).is_none() => {
            ("the number is not finite", "a finite number of 64 bits")
        }
        DeValue::Datetime(_) => ("a spec holds no dates", "a string, a number, a boolean, an array or a table"),
        _ => return Ok(()),
    };
    let got = tree::value_text(value.get_ref());
    Err(document.refuse(value.span(), what).expected(expected).got(format!("`{got}`")))
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
    let error: Error = document
        .refuse(id.span(), format!("there is no trial `{name}`"))
        .expected(format!("a trial of this spec: {}", quoted(trials.iter().copied())))
        .got(format!("`{name}`"));
    Err(did_you_mean(error, name, trials.iter().copied()))
}
