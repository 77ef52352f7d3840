//! A small spec and three methods; the tests edit the one and run none of the others.

mod claims;
mod files;
mod fingerprints;
mod likes;
mod periods;
mod refusals;
mod resolving;

use std::path::Path;

use serde::Deserialize;

use super::load::resolve;
use super::*;
use crate::error::{Error, Kind, Result};
use crate::method::{Method, Params, Registry, Trained};
use crate::metrics::Metric;
use crate::split::SplitRule;
use crate::train::Context;
use crate::value::{Count, Decimals, Rate};

/// Line numbers in the tests count in this text.
const BASE: &str = r#"id = "paper-x/small"
title = "T"
paper = "paper_x"
dataset = "tiny"
seeds = [0, 1]
analysis = """
First line.
Second "line".
"""

[split]
rule = "leave-last-out"
core = 5

[protocol]
candidates = "full"
metrics = ["ndcg@10", "recall@10"]

[[trial]]
id = "student"
label = "Student"
method = "distil"
teacher = "teacher"
[trial.params]
dim = 16

[[trial]]
id = "pop"
label = "POP"
method = "pop"

[[trial]]
id = "teacher"
label = "Teacher"
method = "mf"
[trial.params]
learning_rate = 1e-3
dim = 64
[trial.params.stopping]
watch = ["ndcg@10"]
decimals = 4

[[compare]]
table = "main"
decimals = 4
rows = { Teacher = "teacher", Student = "student" }
columns = { "R@10" = "recall@10", "N@10" = "ndcg@10" }

[[curve]]
file = "curves/student.csv"
trial = "student"
columns = { loss = "loss", valid_N10 = "ndcg@10" }
label = "authors' log"
[profile.quick]
seeds = [7]
dataset = "tinier"
split = { rule = "given", train = "a", valid = "b", test = "c" }
[profile.quick.trial.teacher.params]
dim = 8
[profile.quick.trial.teacher.params.stopping]
decimals = 2
"#;

/// Of this kind.
struct StubMethod(Option<&'static str>);
struct StubStudent;

impl Method for StubMethod {
    fn train(&self, _: &mut Context<'_>) -> Result<Trained> {
        Err(Error::new(Kind::Internal, "specs train nothing"))
    }

    fn makes(&self) -> Option<&'static str> {
        self.0
    }
}

impl Method for StubStudent {
    fn train(&self, _: &mut Context<'_>) -> Result<Trained> {
        Err(Error::new(Kind::Internal, "specs train nothing"))
    }

    fn learns_from(&self) -> &'static [&'static str] {
        &["mf"]
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct DistilParams {
    dim: Count,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct MfParams {
    dim: Count,
    learning_rate: Rate,
    stopping: WatchParams,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct WatchParams {
    watch: Vec<Metric>,
    decimals: Decimals,
}

type Built = std::result::Result<Box<dyn Method>, toml::de::Error>;

fn registry() -> Registry {
    fn pop(params: Params<'_>) -> Built {
        params.read::<NoParams>().map(|NoParams {}| Box::new(StubMethod(None)) as Box<dyn Method>)
    }
    fn mf(params: Params<'_>) -> Built {
        params.read().map(|MfParams { dim, learning_rate, stopping: WatchParams { watch, decimals } }| {
            assert!(dim.get() > 0 && learning_rate.get() > 0.0 && !watch.is_empty() && decimals.get() <= 15);
            Box::new(StubMethod(Some("mf"))) as Box<dyn Method>
        })
    }
    fn distil(params: Params<'_>) -> Built {
        params.read().map(|DistilParams { dim }| {
            assert!(dim.get() > 0);
            Box::new(StubStudent) as Box<dyn Method>
        })
    }
    Registry::default().with("pop", pop).with("mf", mf).with("distil", distil)
}

fn resolve_text(text: &str, profile: Option<&str>) -> Result<Spec> {
    resolve(Path::new("paper_x/small.toml"), text, profile, &registry())
}

fn base() -> Spec {
    resolve_text(BASE, None).unwrap()
}

/// The base with one text for another, which must stand there once.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "{from}");
    BASE.replace(from, to)
}

/// The message against the edited base.
fn refused(from: &str, to: &str) -> String {
    refused_in(None, &edited(from, to))
}

fn refused_in(profile: Option<&str>, text: &str) -> String {
    let error = resolve_text(text, profile).err().expect("the spec is refused");
    assert_eq!(error.kind(), Kind::Input);
    error.to_string()
}

#[track_caller]
fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in:\n{message}");
    }
}
