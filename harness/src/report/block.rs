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
                format!("<details><summary>{}</summary>\n\n{}\n</details>", harmless(what), table.markdown())
            }
            Self::Figure(figure) => {
                let caption = harmless(&figure.caption);
                format!("![{caption}]({})\n\n{caption}", figure.file)
            }
        }
    }
}

/// Markdown without HTML or links that run something: titles and prose come from files of others, and whoever shows the
/// report may obey them. Lines are taken one by one: what Markdown takes for code only together with other lines is
/// escaped as well.
pub(super) fn harmless(text: &str) -> String {
    text.split_inclusive('\n').map(harmless_line).collect()
}

fn harmless_line(line: &str) -> String {
    // Of a table, cells are cut before code is found.
    let may_hold_code = !line.contains('|');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let mut taken = c.len_utf8();
        match c {
            '`' => {
                taken = if may_hold_code { code(rest, ticks).unwrap_or(ticks) } else { ticks };
                out += &rest[..taken];
            }
            '\\' if rest[1..].starts_with(|next: char| next.is_ascii_punctuation() && next != '<') => {
                taken = 2;
                out += &rest[..taken];
            }
            '<' if rest[1..].starts_with(|next: char| next.is_ascii_alphabetic() || "/!?".contains(next)) => {
                out += "&lt;"
            }
            ']' if leads_astray(&rest[1..]) => out += "]\\",
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

/// The length of the code that `ticks` backticks begin, where as many end it.
fn code(text: &str, ticks: usize) -> Option<usize> {
    let mut at = ticks;
    while let Some(next) = text[at..].find('`') {
        let run = text[at + next..].len() - text[at + next..].trim_start_matches('`').len();
        at += next + run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

/// Whether what follows a `]` makes it a link, or where one leads, to something else than a page, a file or a place of
/// this page.
fn leads_astray(behind: &str) -> bool {
    let Some(target) = behind.strip_prefix(['(', ':']).map(|target| target.trim_start_matches([' ', '\t', '<'])) else {
        return false;
    };
    if ["https://", "http://", "mailto:", "#"].iter().any(|known| target.starts_with(known)) {
        return false;
    }
    // A scheme, if there is one, ends at the first `:`, which may be written as an entity; a line that ends here goes on.
    let end = target.find([')', ' ', '\t', '\n', '\r']).unwrap_or(target.len());
    end == 0 || target[..end].contains([':', '&', '\\'])
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
        for (written, shown) in [
            ("a <script>x</script> b", "a &lt;script>x&lt;/script> b"),
            ("p < 0.01, a<-b", "p < 0.01, a<-b"),
            ("`a <b>` <c>", "`a <b>` &lt;c>"),
            ("``a ` <b>`` <c>", "``a ` <b>`` &lt;c>"),
            // No code: the first backtick is escaped, is not closed, is closed by another number, or in another block.
            ("\\` <b> `", "\\` &lt;b> `"),
            ("` <b>", "` &lt;b>"),
            ("```<b>`", "```&lt;b>`"),
            ("* `\n* <b>`", "* `\n* &lt;b>`"),
            ("| `a | <b>` |", "| `a | &lt;b>` |"),
            ("\\<b>", "\\&lt;b>"),
            ("[y](https://y) [z](BIAS.md#a) [w](#here)", "[y](https://y) [z](BIAS.md#a) [w](#here)"),
            ("[x](JavaScript:alert(1))", "[x]\\(JavaScript:alert(1))"),
            ("[x]( javascript:y)", "[x]\\( javascript:y)"),
            ("[x](java&#115;cript:y)", "[x]\\(java&#115;cript:y)"),
            ("[x](\njavascript:y)", "[x]\\(\njavascript:y)"),
            ("[x](<data:y>)", "[x]\\(&lt;data:y>)"),
            ("[1]: javascript:y", "[1]\\: javascript:y"),
        ] {
            // Nothing that a browser would take for a tag or follow.
            assert_eq!(text(written), format!("{shown}\n"), "{written}");
        }
        let mut table = Table::new("", [("<b>".to_string(), crate::report::Align::Left)]);
        table.push(vec!["P <script> | [l](javascript:y)".into()]);
        let shown = "| &lt;b> |\n| --- |\n| P &lt;script> \\| [l]\\(javascript:y) |\n";
        assert_eq!(markdown(&[Block::Table(table)]), shown);
        assert_eq!(markdown(&[Block::Heading(2, "<b>".into())]), "## &lt;b>\n");
    }
}
