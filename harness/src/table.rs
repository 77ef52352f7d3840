//! A table of texts: reports, the terminal and CSV files are rendered from it.

use crate::markdown::sanitise;

/// Horizontal alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A table with a header; every row has one text per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub title: String,
    pub header: Vec<String>,
    /// One per column.
    pub align: Vec<Align>,
    pub rows: Vec<Vec<String>>,
    /// For each row the id of the trial whose runs it summarises, if it summarises those of one.
    pub trials: Vec<Option<String>>,
}

impl Table {
    /// A table without rows; `columns` are (name, alignment).
    pub fn new<N: Into<String>>(title: impl Into<String>, columns: impl IntoIterator<Item = (N, Align)>) -> Self {
        let (header, align) = columns.into_iter().map(|(name, align)| (name.into(), align)).unzip();
        Self { title: title.into(), header, align, rows: Vec::new(), trials: Vec::new() }
    }

    /// Appends a row.
    ///
    /// # Panics
    /// If the row has not one text per column.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.header.len(), "a row of `{}` has one text per column", self.title);
        self.rows.push(row);
        self.trials.push(None);
    }

    /// Appends a row that summarises the runs of a trial.
    ///
    /// # Panics
    /// If the row has not one text per column.
    pub fn push_of(&mut self, trial: &str, row: Vec<String>) {
        self.push(row);
        self.trials.pop();
        self.trials.push(Some(trial.to_string()));
    }

    /// The table as GitHub-flavoured Markdown, without the title.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> =
                cells.iter().map(|cell| sanitise(&cell.replace('|', "\\|").replace('\n', " "))).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<_> = self.align.iter().map(|align| if *align == Align::Left { "---" } else { "---:" }).collect();
        let mut text = line(&self.header) + &format!("| {} |\n", rule.join(" | "));
        text.extend(self.rows.iter().map(|row| line(row)));
        text
    }

    /// The table as CSV with a header line, without the title.
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
        let mut table = Table::new("x", [("Trial", Align::Left), ("a|b", Align::Right)]);
        table.push(vec!["one, \"two\"".into(), "1".into()]);
        assert_eq!(table.markdown(), "| Trial | a\\|b |\n| --- | ---: |\n| one, \"two\" | 1 |\n");
        assert_eq!(table.csv(), "Trial,a|b\n\"one, \"\"two\"\"\",1\n");
    }
}
