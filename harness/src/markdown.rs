//! Markdown written by others, made safe to show.

/// Escapes HTML tags, and links to anything but pages, files and places of the same page (`javascript:` for one): titles
/// and prose come from files of others, and the program that shows a report may obey them. Code within a line is left as
/// it is; code that spans lines is escaped, because each line is read by itself.
pub fn sanitise(text: &str) -> String {
    text.split_inclusive('\n').map(sanitise_line).collect()
}

fn sanitise_line(line: &str) -> String {
    // In the row of a table, `|` ends a cell even within code.
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
            ']' if is_unsafe_target(&rest[1..]) => out += "]\\",
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

/// Length in bytes of a code span that begins `text` with `ticks` backticks; `None` unless as many end it.
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

/// Whether the text behind a `]` makes it a link, or the definition of one, whose target is neither a page, a file nor a
/// place of the same page.
fn is_unsafe_target(behind: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_links_of_others_are_shown_and_not_obeyed() {
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
            assert_eq!(sanitise(written), shown, "{written}");
        }
    }
}
