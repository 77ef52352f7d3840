//! The resolved spec as text, with where each value was written.

use std::fmt::Write as _;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::checked::{Origin, Section, Spec};
use super::profile::Resolved;
use crate::document::{Document, tree};

/// The resolved spec as TOML; behind each value a comment says where it was written:
/// `dim = 64  # citeulike.toml:52 profile quick`.
pub fn print_spec(spec: &Spec) -> String {
    let file = spec.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut text = format!("# {} in profile {}\n", spec.id, spec.profile);
    let mut line = |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("a String takes all text");
    for section in &spec.resolved {
        if !section.header.is_empty() {
            line(format_args!("\n{}\n", section.header));
        }
        for Origin { name, value, line: number, profile, .. } in &section.entries {
            let profile = profile.as_ref().map(|profile| format!(" profile {profile}")).unwrap_or_default();
            line(format_args!("{name} = {value}  # {file}:{number}{profile}\n"));
        }
    }
    text
}

/// The tables of a resolved spec, in an order that TOML accepts.
pub fn sections(document: &Document<'_>, resolved: &Resolved<'_>) -> Vec<Section> {
    let mut writer = SectionWriter { document, resolved, sections: Vec::new() };
    writer.table(String::new(), "", "", &resolved.root);
    writer.sections
}

struct SectionWriter<'s, 'a> {
    document: &'s Document<'a>,
    resolved: &'s Resolved<'a>,
    sections: Vec<Section>,
}

impl SectionWriter<'_, '_> {
    /// `path` is the table's name in headers, `prefix` the key of its values in origins.
    fn table(&mut self, header: String, path: &str, prefix: &str, table: &DeTable<'_>) {
        let mut children: Vec<_> =
            table.iter().filter(|(key, _)| !path.is_empty() || key.get_ref() != "profile").collect();
        children.sort_by_key(|(key, _)| key.span().start);
        // Plain values come first: below a header of a table, they would be that table's.
        let (below, values): (Vec<_>, Vec<_>) = children
            .into_iter()
            .partition(|(_, value)| value.get_ref().is_table() || tree::tables(value.get_ref()).is_some());
        let entries: Vec<_> = values.into_iter().map(|(key, value)| self.origin(prefix, key, value)).collect();
        // A table without values of its own needs no header, unless the header makes a new item of a list.
        if !entries.is_empty() || header.starts_with("[[") {
            self.sections.push(Section { header, entries });
        }
        for (key, value) in below {
            let (path, prefix) = (tree::join(path, key.get_ref()), tree::join(prefix, key.get_ref()));
            match value.get_ref() {
                DeValue::Table(table) => self.table(format!("[{path}]"), &path, &prefix, table),
                list => {
                    for (index, item) in tree::tables(list).into_iter().flat_map(|items| items.iter()).enumerate() {
                        let table = item.get_ref().as_table().expect("a list of tables holds tables");
                        self.table(format!("[[{path}]]"), &path, &tree::item_key(&prefix, index, item), table);
                    }
                }
            }
        }
    }

    fn origin(&self, prefix: &str, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Origin {
        let start = value.span().start;
        Origin {
            key: tree::join(prefix, key.get_ref()),
            name: tree::key_text(key.get_ref()),
            value: tree::value_text(value.get_ref()),
            line: self.document.line(start),
            profile: self.resolved.overridden.contains(&start).then(|| self.resolved.profile.clone()),
        }
    }
}
