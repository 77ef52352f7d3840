//! What a report is made from besides records.

use std::path::Path;

use crate::compare::{Logged, Matched, Published};
use crate::data::Manifest;
use crate::error::Result;
use crate::method::Registry;
use crate::spec::{LoggedCurve, Spec};

/// A spec, and what was read for its report.
pub struct Basis<'a> {
    /// One spec in one profile.
    pub spec: &'a Spec,
    /// The manifest of its dataset.
    pub manifest: &'a Manifest,
    /// All methods; their order fixes the colours of figures.
    pub registry: &'a Registry,
    /// What people call the paper, such as `DE-RRD, CIKM 2020`; `None` if the spec is of none.
    pub paper: Option<String>,
    /// The comparisons of the spec with their published tables.
    pub tables: Vec<Matched<'a>>,
    /// What others logged, for each curve of the spec.
    pub curves: Vec<Logged>,
    /// Whether the folder of the paper has notes for people.
    pub has_notes: bool,
}

impl<'a> Basis<'a> {
    /// Reads published tables and logged curves from `folder`, that of the paper; an experiment of no paper has none. What
    /// a report could not show is refused here, before any record is needed.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io); [`Input`](crate::error::Kind::Input) if a file is wrong, or the spec compares or
    /// draws what is not in it.
    pub fn read(spec: &'a Spec, manifest: &'a Manifest, registry: &'a Registry, folder: Option<&Path>) -> Result<Self> {
        let mut basis =
            Self { spec, manifest, registry, paper: None, tables: vec![], curves: vec![], has_notes: false };
        if let Some(folder) = folder {
            let logged = |curve: &LoggedCurve| {
                let columns: Vec<&str> = curve.columns.iter().map(|(logged, _)| logged.as_str()).collect();
                Logged::read(&folder.join(&curve.file), &columns)
            };
            let published = Published::read(&folder.join("published.toml"))?;
            let table = |comparison| Matched::new(comparison, &published);
            basis.tables = spec.comparisons.iter().map(table).collect::<Result<_>>()?;
            basis.curves = spec.curves.iter().map(logged).collect::<Result<_>>()?;
            basis.paper = Some(published.name());
            basis.has_notes = folder.join("NOTES.md").is_file();
        }
        Ok(basis)
    }
}
