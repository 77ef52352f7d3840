//! `reprise data describe`: the manifest of a table that has none.

use std::path::{Path, PathBuf};

use harness::data::{Description, FieldKind, default_manifest, describe};
use harness::error::{Error, Kind, Place, Result};
use harness::file::write_by_rename;
use harness::table::{Align, Table};

use crate::terminal::{print, table, talk};

/// Writes the manifest, and says what was found and what is to be answered.
pub fn run(files: &[PathBuf], to: Option<&Path>, columns: Option<&[FieldKind]>) -> Result<()> {
    let printed = to.is_some_and(|to| to.as_os_str() == "-");
    let to = to.filter(|_| !printed).map_or_else(|| default_manifest(files), Path::to_path_buf);
    // A manifest that is printed is one of this folder.
    let to = if printed { PathBuf::from(to.file_name().unwrap_or_default()) } else { to };
    if to.extension().is_none_or(|extension| extension != "toml") {
        return Err(Error::new(Kind::Input, "a manifest is a file of TOML")
            .at(Place::file(&to))
            .expected("a name that ends in `.toml`")
            .hint("its name without `.toml` is the dataset's: `--to data-manifests/mine.toml`"));
    }
    if !printed && to.exists() {
        return Err(Error::new(Kind::Input, "there is such a file already, and it is not overwritten")
            .at(Place::file(&to))
            .expected("a manifest that is not there yet")
            .hint("remove it first, or name another one: `--to MANIFEST`, such as `--to data-manifests/mine.toml`"));
    }
    let description = describe(files, &to, columns)?;
    if printed {
        print(description.text.trim_end());
    } else {
        write_by_rename(&to, description.text.as_bytes())?;
        found(&description);
    }
    description.remarks.iter().for_each(|remark| talk(&format!("note: {remark}")));
    description.questions.iter().for_each(|question| talk(&format!("hint: no table tells {question}")));
    if !printed {
        talk(&format!("manifest: {}", to.display()));
    }
    Ok(())
}

/// Prints what the columns are taken for, and the counts.
fn found(description: &Description) {
    let columns = ["column", "first", "read as", "because"];
    let mut rows = Table::new("", columns.map(|name| (name, Align::Left)));
    for (column, n) in description.columns.iter().zip(1..) {
        let name = column.name.as_ref().map_or_else(|| format!("{n}"), |name| format!("{n} {name}"));
        rows.push(vec![name, column.example.clone(), column.kind.into(), column.why.clone()]);
    }
    print(&table(&rows));
    let counts = &description.counts;
    let parts: Vec<String> = counts.interactions.iter().map(|(part, n)| format!("{part} {n}")).collect();
    print(&format!("\n{} users, {} items, {}", counts.users, counts.items, parts.join(", ")));
}
