//! The parts that a report is made of; Markdown and HTML are written from them.

use super::figure::Figure;
use crate::markdown::sanitise;
use crate::table::Table;

/// A part of a report.
pub(super) enum PageBlock<'a> {
    /// Level from 1 to 3, text.
    Heading(u8, String),
    /// Markdown.
    Text(String),
    Table(Table),
    /// A table that is shown on demand, after its plain title.
    Folded(String, Table),
    Figure(&'a Figure),
}

impl PageBlock<'_> {
    /// A list, an entry for each of these lines of Markdown.
    pub fn list(lines: impl IntoIterator<Item = String>) -> Self {
        Self::Text(lines.into_iter().map(|line| format!("* {line}\n")).collect())
    }

    fn markdown(&self) -> String {
        match self {
            Self::Heading(level, text) => format!("{} {}", "#".repeat(usize::from(*level)), sanitise(text)),
            Self::Text(text) => sanitise(text),
            Self::Table(table) => table.markdown(),
            Self::Folded(what, table) => {
                format!("<details><summary>{}</summary>\n\n{}\n</details>", sanitise(what), table.markdown())
            }
            Self::Figure(figure) => {
                let caption = sanitise(&figure.caption);
                format!("![{caption}]({})\n\n{caption}", figure.file)
            }
        }
    }
}

/// The parts one after the other, as a Markdown document.
pub(super) fn markdown(blocks: &[PageBlock]) -> String {
    let parts: Vec<_> = blocks.iter().map(|block| block.markdown().trim_end().to_string()).collect();
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Align;

    #[test]
    fn what_others_wrote_is_shown_and_not_obeyed() {
        let mut table = Table::new("", [("<b>", Align::Left)]);
        table.push(vec!["P <script> | [l](javascript:y)".into()]);
        let shown = "| &lt;b> |\n| --- |\n| P &lt;script> \\| [l]\\(javascript:y) |\n";
        assert_eq!(markdown(&[PageBlock::Table(table)]), shown);
        assert_eq!(markdown(&[PageBlock::Heading(2, "<b>".into())]), "## &lt;b>\n");
        assert_eq!(markdown(&[PageBlock::Text("a <b>".into())]), "a &lt;b>\n");
    }
}
