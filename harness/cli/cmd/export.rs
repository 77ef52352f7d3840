//! `reprise export`: the split of a spec as files for other programs.

use harness::data::fetch;
use harness::error::Result;
use harness::export::{EXPORT, Source, export};
use harness::spec::SpecData;

use crate::args::ExportArgs;
use crate::home::Home;
use crate::progress::interrupted;
use crate::terminal::talk;

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
