//! What a report is made of, whatever it is written in.

use super::Table;
use super::figures::Figure;

/// A piece of a report.
pub(super) enum Block<'a> {
    /// Of level 1 to 3.
    Heading(u8, String),
    /// Markdown.
    Text(String),
    Table(Table),
    /// A table that is out of sight until one asks for it, and what it is, without marks of Markdown.
    Folded(String, Table),
    Figure(&'a Figure),
}

impl Block<'_> {
    /// A list of Markdown lines.
    pub fn list(lines: impl IntoIterator<Item = String>) -> Self {
        Self::Text(lines.into_iter().map(|line| format!("* {line}\n")).collect())
    }

    fn markdown(&self) -> String {
        match self {
            Self::Heading(level, text) => format!("{} {text}", "#".repeat(usize::from(*level))),
            Self::Text(text) => text.clone(),
            Self::Table(table) => table.markdown(),
            Self::Folded(what, table) => {
                format!("<details><summary>{what}</summary>\n\n{}\n</details>", table.markdown())
            }
            Self::Figure(figure) => format!("![{}]({})\n\n{}", figure.caption, figure.file, figure.caption),
        }
    }
}

pub(super) fn markdown(blocks: &[Block]) -> String {
    let parts: Vec<_> = blocks.iter().map(|block| block.markdown().trim_end().to_string()).collect();
    parts.join("\n\n") + "\n"
}
