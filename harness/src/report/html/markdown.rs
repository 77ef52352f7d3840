//! Markdown, rendered as HTML.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// Renders a text of paragraphs, lists and tables. Headings go down three levels, below those of the page; HTML in the
/// text is shown, not obeyed; pictures and links into the repository become their texts.
pub fn blocks(text: &str) -> String {
    let events = events(text).map(|event| match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: lower(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        event => event,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    // A wide table scrolls by itself, not the page.
    out.replace("<table>", "<div class=\"wide\"><table>").replace("</table>", "</table></div>")
}

/// Renders a text within a line.
pub fn inline(text: &str) -> String {
    let mut out = String::new();
    html::push_html(
        &mut out,
        events(text).filter(|event| !matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph))),
    );
    out.trim_end().to_string()
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    let mut outside = false;
    Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(move |event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            outside = dest_url.starts_with("https://") || dest_url.starts_with('#');
            outside.then_some(event)
        }
        Event::End(TagEnd::Link) => outside.then_some(event),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        event => Some(event),
    })
}

fn lower(level: pulldown_cmark::HeadingLevel) -> pulldown_cmark::HeadingLevel {
    let lowered = (level as usize + 3).min(6);
    pulldown_cmark::HeadingLevel::try_from(lowered).unwrap_or(level)
}

/// A plain text as HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(inline("`a < b` *holds*"), "<code>a &lt; b</code> <em>holds</em>");
        assert_eq!(
            inline("[r](../x.md) [w](https://e.org) [t](#a)"),
            "r <a href=\"https://e.org\">w</a> <a href=\"#a\">t</a>"
        );
        assert_eq!(blocks("# Top\n\nx <b>y</b>\n"), "<h4>Top</h4>\n<p>x &lt;b&gt;y&lt;/b&gt;</p>\n");
        assert!(blocks("| a |\n| --- |\n| 1 |\n").starts_with("<div class=\"wide\"><table>"));
    }
}
