//! A table of texts, for whoever renders it.

use super::block::harmless;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Every row has one text per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub title: String,
    pub header: Vec<String>,
    /// One per column.
    pub align: Vec<Align>,
    pub rows: Vec<Vec<String>>,
    /// The trial whose runs a row is of, where it is of one.
    pub of: Vec<Option<String>>,
}

impl Table {
    /// No rows yet; `columns` are (name, alignment).
    pub fn new(title: impl Into<String>, columns: impl IntoIterator<Item = (String, Align)>) -> Self {
        let (header, align) = columns.into_iter().unzip();
        Self { title: title.into(), header, align, rows: Vec::new(), of: Vec::new() }
    }

    /// # Panics
    /// If the row has not one text per column.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.header.len(), "a row of `{}` has one text per column", self.title);
        self.rows.push(row);
        self.of.push(None);
    }

    /// A row of figures of a trial's runs.
    ///
    /// # Panics
    /// As [`push`](Self::push).
    pub fn push_of(&mut self, trial: &str, row: Vec<String>) {
        self.push(row);
        if let Some(of) = self.of.last_mut() {
            *of = Some(trial.to_string());
        }
    }

    /// As GitHub's Markdown, without the title.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> =
                cells.iter().map(|cell| harmless(&cell.replace('|', "\\|").replace('\n', " "))).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<_> = self.align.iter().map(|align| if *align == Align::Left { "---" } else { "---:" }).collect();
        let mut text = line(&self.header) + &format!("| {} |\n", rule.join(" | "));
        text.extend(self.rows.iter().map(|row| line(row)));
        text
    }

    /// As CSV with a header, without the title.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(row).expect("memory takes all writes, and rows are as long as the header");
        }
        let bytes = writer.into_inner().expect("memory takes all writes");
        String::from_utf8(bytes).expect("CSV of texts is text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders() {
        let mut table = Table::new("x", [("Trial".to_string(), Align::Left), ("a|b".to_string(), Align::Right)]);
        table.push(vec!["one, \"two\"".into(), "1".into()]);
        assert_eq!(table.markdown(), "| Trial | a\\|b |\n| --- | ---: |\n| one, \"two\" | 1 |\n");
        assert_eq!(table.csv(), "Trial,a|b\n\"one, \"\"two\"\"\",1\n");
    }
}
