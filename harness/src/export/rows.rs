//! The rows of a table, as bytes.

use crate::error::{Error, Kind, Result};

/// A table of ids that grows row by row.
pub(super) struct Rows {
    form: Form,
    bytes: Vec<u8>,
    /// Number of rows, the header not counted.
    pub count: u64,
}

/// How fields are set apart, and which ids cannot be written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 4180: any id, in quotes where it needs them.
    Csv,
    /// RecBole reads tabs through pandas: no quotes, nothing that pandas takes for a missing value.
    RecBole,
    /// Fields between blanks.
    Trec,
}

/// What pandas reads as a missing value unless it is told otherwise.
const MISSING: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
];

impl Rows {
    /// A table with these columns; a form without a header has no line for it.
    pub fn new(form: Form, columns: &[&str]) -> Self {
        let mut rows = Self { form, bytes: Vec::new(), count: 0 };
        if form != Form::Trec {
            rows.write(columns.iter().map(|name| name.as_bytes()));
        }
        rows
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the form cannot hold a field.
    pub fn push<'a>(&mut self, fields: impl IntoIterator<Item = &'a [u8]> + Clone) -> Result<()> {
        if let Some(field) = fields.clone().into_iter().find(|field| !self.form.holds(field)) {
            return Err(self.form.refuse(field));
        }
        self.write(fields);
        self.count += 1;
        Ok(())
    }

    fn write<'a>(&mut self, fields: impl IntoIterator<Item = &'a [u8]>) {
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                self.bytes.push(self.form.separator());
            }
            if self.form == Form::Csv && (field.is_empty() || field.iter().any(|byte| b",\"\r\n".contains(byte))) {
                self.bytes.push(b'"');
                for &byte in field {
                    self.bytes.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'"')));
                }
                self.bytes.push(b'"');
            } else {
                self.bytes.extend_from_slice(field);
            }
        }
        self.bytes.push(b'\n');
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Form {
    fn separator(self) -> u8 {
        match self {
            Self::Csv => b',',
            Self::RecBole => b'\t',
            Self::Trec => b' ',
        }
    }

    fn holds(self, field: &[u8]) -> bool {
        match self {
            Self::Csv => true,
            Self::RecBole => {
                let missing = field.is_empty() || MISSING.iter().any(|word| word.as_bytes() == field);
                // RecBole's own token of what is not there.
                !missing && field != b"[PAD]" && !field.iter().any(|byte| b"\t\r\n\"".contains(byte))
            }
            Self::Trec => !field.is_empty() && !field.iter().any(u8::is_ascii_whitespace),
        }
    }

    fn refuse(self, field: &[u8]) -> Error {
        let (what, expected) = match self {
            Self::RecBole => {
                ("RecBole would not read an id as it is", "ids without tabs and quotes that pandas takes for text")
            }
            _ => ("an id cannot stand in a file of TREC", "ids without blanks"),
        };
        Error::new(Kind::Input, what)
            .expected(expected)
            .got(format!("`{}`", String::from_utf8_lossy(field).escape_debug()))
            .hint("`--format csv` holds any id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(form: Form, rows: &[[&str; 2]]) -> Result<String> {
        let mut table = Rows::new(form, &["a", "b"]);
        rows.iter().try_for_each(|row| table.push(row.iter().map(|field| field.as_bytes())))?;
        assert_eq!(table.count, rows.len() as u64);
        Ok(String::from_utf8(table.into_bytes()).unwrap())
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let rows = [["1", "x,y"], ["a \"b\"", ""], ["é", " "]];
        assert_eq!(text(Form::Csv, &rows).unwrap(), "a,b\n1,\"x,y\"\n\"a \"\"b\"\"\",\"\"\né, \n");
        let mut reader = csv::Reader::from_reader("a,b\n1,\"x,y\"\n\"a \"\"b\"\"\",\"\"\n".as_bytes());
        let read: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
        assert!(read[0].iter().eq(rows[0]) && read[1].iter().eq(rows[1]));
    }

    #[test]
    fn ids_that_a_form_would_change_are_refused() {
        assert_eq!(text(Form::RecBole, &[["1", "x y"]]).unwrap(), "a\tb\n1\tx y\n");
        assert_eq!(text(Form::Trec, &[["1", "x"]]).unwrap(), "1 x\n", "no header");
        for (form, bad) in
            [(Form::RecBole, "NA"), (Form::RecBole, "a\tb"), (Form::RecBole, "\"x\""), (Form::RecBole, "")]
        {
            assert!(text(form, &[["1", bad]]).unwrap_err().to_string().contains("RecBole would not read"), "{bad}");
        }
        for bad in ["x y", "", "x\ty"] {
            assert!(text(Form::Trec, &[["1", bad]]).unwrap_err().to_string().contains("file of TREC"), "{bad}");
        }
    }
}
