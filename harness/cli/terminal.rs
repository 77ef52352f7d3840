//! Data to stdout, talk to stderr.

use std::borrow::Cow;
use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use harness::error::{Error, Kind, Result};
use harness::table::{Align, Table};

/// A line for the person. Nobody there to read it is no error: `eprintln!` would panic.
pub fn talk(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Text without what a terminal would obey: titles, keys and names come from files of others.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !"\n\t".contains(c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if obeyed(c) { c.escape_default().collect::<String>() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Whether output was lost; told at the end, because what was computed is recorded all the same.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line of output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{}", harmless(text))
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// An error if output was lost, to a full disk for one.
pub fn check_output() -> Result<()> {
    match LOST.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(Error::new(Kind::Io, "some of the output could not be written").hint("is the disk full?")),
    }
}

/// A table for the terminal: wide enough for its words, wrapped where the terminal is narrower.
pub fn table(table: &Table) -> String {
    use comfy_table::{CellAlignment, ContentArrangement, presets};
    let mut out = comfy_table::Table::new();
    out.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    out.set_header(table.header.clone());
    for row in &table.rows {
        out.add_row(row.clone());
    }
    for (index, align) in table.align.iter().enumerate() {
        if let (Align::Right, Some(column)) = (align, out.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    out.trim_fmt()
}
