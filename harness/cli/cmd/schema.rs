//! `reprise schema`: JSON schemas of the files that people write.

use clap::ValueEnum;
use harness::compare::Published;
use harness::data::Manifest;
use harness::error::Result;
use harness::spec;

use crate::terminal::print;

/// A kind of file that people write.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// An experiment
    Spec,
    /// The description of a dataset
    Manifest,
    /// The published tables of a paper
    Published,
}

pub fn run(of: SchemaOf) -> Result<()> {
    let schema = match of {
        SchemaOf::Spec => spec::schema(&reproductions::registry()),
        SchemaOf::Manifest => Manifest::schema(),
        SchemaOf::Published => Published::schema(),
    };
    print(&format!("{schema:#}"));
    Ok(())
}
