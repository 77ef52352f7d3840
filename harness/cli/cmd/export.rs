//! `reprise export`: the split of a spec as files for other programs.

use std::path::PathBuf;

use harness::data::fetch;
use harness::error::Result;
use harness::export::{EXPORT, Source, export};
use harness::program::ExportFormat;
use harness::spec::SpecData;

use crate::home::Home;
use crate::places::Places;
use crate::progress::interrupted;
use crate::terminal::talk;

#[derive(clap::Args)]
pub struct ExportArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Folder to write into: a new or an empty one, or that of the same export
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Form of the files
    #[arg(long, value_enum)]
    pub format: ExportForm,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportForm {
    /// Comma-separated tables with headers
    Csv,
    /// RecBole's atomic files, with a configuration that makes it take exactly this split
    Recbole,
    /// Relevance judgements (qrels) for trec_eval and its kin; the training part as CSV
    Trec,
}

impl From<ExportForm> for ExportFormat {
    fn from(form: ExportForm) -> Self {
        match form {
            ExportForm::Csv => Self::Csv,
            ExportForm::Recbole => Self::RecBole,
            ExportForm::Trec => Self::Trec,
        }
    }
}

pub fn run(args: &ExportArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    let manifest = home.manifest(&spec)?;
    fetch(&manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
    let (data, ids) = SpecData::read_with_ids(&spec, &manifest, &home.cache)?;
    let source = Source { spec: &spec, manifest: &manifest, data: &data, ids: &ids };
    let files = export(source, args.format.into(), &args.to)?;
    talk(&format!("{} files: {}", files.len(), args.to.join(EXPORT).display()));
    talk(&format!("terms of the data: {}", manifest.licence.terms));
    Ok(())
}
