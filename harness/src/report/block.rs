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
            Self::Heading(level, text) => format!("{} {}", "#".repeat(usize::from(*level)), harmless(text)),
            Self::Text(text) => harmless(text),
            Self::Table(table) => table.markdown(),
            Self::Folded(what, table) => {
                format!("<details><summary>{what}</summary>\n\n{}\n</details>", table.markdown())
            }
            Self::Figure(figure) => format!("![{}]({})\n\n{}", figure.caption, figure.file, figure.caption),
        }
    }
}

/// Markdown without HTML or links that run something: titles and prose come from files of others, and whoever shows the
/// report may obey them. Code between backticks is shown as it is by everyone.
fn harmless(text: &str) -> String {
    let mut parts: Vec<String> = text.split('`').map(str::to_string).collect();
    let closed = parts.len() % 2 == 1;
    for part in parts.iter_mut().enumerate().filter(|(at, _)| at % 2 == 0 || !closed).map(|(_, part)| part) {
        *part = part.replace('<', "&lt;");
        for scheme in ["javascript:", "vbscript:", "data:"] {
            while let Some(at) = part.to_ascii_lowercase().find(&format!("]({scheme}")) {
                part.replace_range(at + 2..at + 2 + scheme.len(), "#");
            }
        }
    }
    parts.join("`")
}

pub(super) fn markdown(blocks: &[Block]) -> String {
    let parts: Vec<_> = blocks.iter().map(|block| block.markdown().trim_end().to_string()).collect();
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_shown_and_not_obeyed() {
        let text = |text: &str| markdown(&[Block::Text(text.into())]);
        assert_eq!(text("a <script>x</script> b"), "a &lt;script>x&lt;/script> b\n");
        assert_eq!(text("[x](JavaScript:alert(1)) [y](https://y)"), "[x](#alert(1)) [y](https://y)\n");
        assert_eq!(text("`a < b` < c"), "`a < b` &lt; c\n");
        assert_eq!(text("` <b>"), "` &lt;b>\n");
        assert_eq!(markdown(&[Block::Heading(2, "<b>".into())]), "## &lt;b>\n");
    }
}
