//! Values of options, from their text.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use harness::data::{FieldKind, kinds_of};
use harness::run::GivenLists;

/// Parses a folder. An empty text, which CI sets for a missing variable, is accepted: [`Home`](crate::home::Home) takes
/// it as not set.
pub fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The kinds of the columns of a table.
#[derive(Clone)]
pub struct Columns(pub Vec<FieldKind>);

impl Columns {
    pub fn parse(text: &str) -> Result<Self, String> {
        kinds_of(text).map(Self)
    }
}

pub fn parse_lists(text: &str) -> Result<GivenLists, String> {
    let parts = text.split_once('=').and_then(|(run, file)| Some((run.rsplit_once(':')?, file)));
    match parts.and_then(|((trial, seed), file)| Some((trial, seed.parse().ok()?, file))) {
        Some((trial, seed, file)) if !trial.is_empty() && !file.is_empty() => {
            Ok(GivenLists { trial: trial.into(), seed, file: file.into() })
        }
        _ => Err("expected TRIAL:SEED=FILE, such as `student:0=lists.csv`".into()),
    }
}

pub fn parse_minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes: &f64| minutes.is_finite() && *minutes > 0.0);
    minutes.ok_or("expected a number of minutes above 0".into())
}

pub fn parse_matters(text: &str) -> Result<(String, f64), String> {
    let units = |(metric, units): (&str, &str)| {
        let units = units.parse().ok().filter(|units: &f64| units.is_finite() && *units >= 0.0)?;
        Some((metric.to_string(), units))
    };
    text.split_once('=').and_then(units).ok_or("expected METRIC=UNITS, such as `ndcg@10=0.5`, of 0 or more".into())
}

/// Most threads that are accepted: more are a typing error.
const MOST_THREADS: usize = 4096;

/// One line of text.
pub fn parse_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected a name".into()),
        name if name.contains(char::is_control) => Err("expected one line of text".into()),
        name => Ok(name.into()),
    }
}

pub fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=MOST_THREADS) => Ok(n),
        _ => Err(format!("expected a number from 1 to {MOST_THREADS}")),
    }
}
