//! The text of a manifest, with what was guessed as comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::data::layout::{FieldKind, Separator};
use crate::data::time::TimeUnit;
use crate::digest::Digest;

/// What a layout says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WrittenLayout {
    pub separator: Separator,
    pub quoted: Option<bool>,
    pub header: Option<String>,
    pub kinds: Vec<FieldKind>,
    pub unit: Option<TimeUnit>,
    pub labels: BTreeSet<String>,
}

/// What a `[[file]]` says.
pub(super) struct WrittenFile {
    pub name: String,
    pub part: String,
    pub digest: Digest,
    pub bytes: u64,
    /// From the manifest's folder.
    pub beside: String,
    pub gzip: bool,
    pub layout: WrittenLayout,
}

/// Ids of users or items.
pub(super) struct WrittenIds {
    /// The first of ids without gaps; none where they are numbered as they come.
    pub dense: Option<u32>,
    pub count: usize,
}

/// All that a written manifest says.
pub(super) struct Written {
    pub id: String,
    pub remarks: Vec<String>,
    /// Column by column, what it is taken for and why.
    pub guesses: Vec<String>,
    pub prepared: Option<Digest>,
    pub users: WrittenIds,
    pub items: WrittenIds,
    pub interactions: BTreeMap<String, usize>,
    pub files: Vec<WrittenFile>,
}

/// A text as TOML writes it on one line: as JSON does, but for a sign that JSON leaves as it is.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn separator(separator: Separator) -> &'static str {
    match separator {
        Separator::Blanks => "blanks",
        Separator::Tab => "tab",
        Separator::Comma => "comma",
        Separator::Semicolon => "semicolon",
        Separator::Pipe => "pipe",
        Separator::DoubleColon => "double-colon",
    }
}

/// As a layout writes it.
pub(super) fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::User => "user",
        FieldKind::Item => "item",
        FieldKind::Session => "session",
        FieldKind::Time => "time",
        FieldKind::IsoTime => "iso-time",
        FieldKind::IsoDate => "iso-date",
        FieldKind::Value => "value",
        FieldKind::Label => "label",
        FieldKind::Category => "category",
        FieldKind::Skip => "skip",
    }
}

impl Written {
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes all text");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# Written by `reprise data describe`. What the rows do not tell is guessed, as the comments say:"
        )?;
        writeln!(out, "# look through the columns, the parts and the empty texts before you trust a result.")?;
        for remark in &self.remarks {
            writeln!(out, "# Note: {remark}.")?;
        }
        writeln!(out, "id = {}", text(&self.id))?;
        writeln!(out, "title = {} # guessed: a title for tables", text(&self.id))?;
        writeln!(out, "serves = \"\" # please fill in: what the data is for")?;
        writeln!(out, "citation = \"\" # please fill in: what its authors want to be cited")?;
        writeln!(out, "homepage = \"\" # please fill in: where it is from")?;
        if let Some(digest) = self.prepared {
            writeln!(out, "# Of the interactions as they come out of the reader: it guards the way of reading.")?;
            writeln!(out, "prepared = \"{digest}\"")?;
        }
        writeln!(out, "\n[licence]\nname = \"\" # please fill in: no table tells its licence")?;
        writeln!(out, "terms = \"\" # please fill in: the terms, and where they stand\nredistributable = false")?;
        let first = &self.files[0].layout;
        let shared = self.files.iter().all(|file| file.layout == *first);
        if shared {
            out.push_str("\n[layout]\n");
            layout(out, first, &self.guesses)?;
        }
        for (table, ids) in [("users", &self.users), ("items", &self.items)] {
            writeln!(out, "\n[{table}]")?;
            match ids.dense {
                None => writeln!(out, "ids = \"map\"")?,
                Some(first) => {
                    writeln!(out, "ids = \"dense\" # all numbers from {first} on, without gaps")?;
                    if first > 0 {
                        writeln!(out, "first = {first}")?;
                    }
                    writeln!(out, "table = {}", ids.count)?;
                }
            }
            writeln!(out, "count = {}", ids.count)?;
        }
        writeln!(out, "\n[interactions]")?;
        for (part, n) in &self.interactions {
            writeln!(out, "{part} = {n}")?;
        }
        for file in &self.files {
            writeln!(out, "\n[[file]]\nname = {}", text(&file.name))?;
            let guess = if self.files.len() > 1 { " # guessed from the file's name" } else { "" };
            writeln!(out, "part = {}{guess}", text(&file.part))?;
            writeln!(out, "bytes = {}\nsha256 = \"{}\"", file.bytes, file.digest)?;
            if !shared {
                out.push_str("\n[file.layout]\n");
                layout(out, &file.layout, &self.guesses)?;
            }
            writeln!(out, "\n[[file.source]]\nbeside = {} # from this manifest's folder", text(&file.beside))?;
            if file.gzip {
                writeln!(out, "gzip = true")?;
            }
            writeln!(out, "# Where others can get it: [[file.source]] with `url`, or `instructions` for a person.")?;
        }
        Ok(())
    }
}

fn layout(out: &mut String, layout: &WrittenLayout, guesses: &[String]) -> std::fmt::Result {
    writeln!(out, "form = \"table\"\nseparator = \"{}\"", separator(layout.separator))?;
    if let Some(quoted) = layout.quoted {
        writeln!(out, "quoted = {quoted}")?;
    }
    if let Some(header) = &layout.header {
        writeln!(out, "header = {}", text(header))?;
    }
    for guess in guesses {
        writeln!(out, "# {guess}")?;
    }
    let kinds: Vec<String> = layout.kinds.iter().map(|of| format!("\"{}\"", kind(*of))).collect();
    writeln!(out, "columns = [{}]", kinds.join(", "))?;
    if let Some(unit) = layout.unit {
        writeln!(out, "time = \"{}\"", unit.name())?;
    }
    if !layout.labels.is_empty() {
        let numbers = layout.labels.iter().zip(1..).map(|(label, n)| format!("{} = {n}", text(label)));
        writeln!(out, "# guessed: numbers in the order of the words")?;
        writeln!(out, "labels = {{ {} }}", numbers.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}
