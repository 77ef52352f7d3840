//! Learning curves that others logged: CSV with a column `epoch`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Kind, Place, Result};
use crate::suggest::{did_you_mean, quoted};

/// Learning curves that others logged: by column, (epoch, value) with epochs ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged(pub BTreeMap<String, Vec<(f64, f64)>>);

impl Logged {
    /// Reads a logged curve that must have `columns`. An empty field is an epoch in which nothing was measured.
    ///
    /// # Errors
    /// [`Io`](Kind::Io); [`Input`](Kind::Input) with the line of a field that is no finite number, or
    /// of an epoch that does not come after the one before; with a suggestion for a column that is not there.
    pub fn read(file: &Path, columns: &[&str]) -> Result<Self> {
        let bytes = crate::file::read(file).map_err(|error| Error::io("cannot read a logged curve", file, &error))?;
        Self::parse(&bytes, file, columns)
    }

    fn parse(bytes: &[u8], file: &Path, wanted: &[&str]) -> Result<Self> {
        let refuse = |place: Place| Error::new(Kind::Input, "a logged curve cannot be read").at(place);
        let bad = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            refuse(Place::file(file).line(line as usize)).got(error.to_string())
        };
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().map_err(bad)?.clone();
        let Some(epoch) = header.iter().position(|name| name == "epoch") else {
            return Err(refuse(Place::file(file).line(1)).expected("a column `epoch`"));
        };
        if let Some(missing) = wanted.iter().find(|&&column| !header.iter().any(|name| name == column)) {
            let error = refuse(Place::file(file).line(1)).expected(format!("a column `{missing}`"));
            return Err(did_you_mean(error.got(quoted(&header)), missing, &header));
        }
        let mut columns = vec![Vec::new(); header.len()];
        let mut last = None;
        for row in reader.records() {
            let row = row.map_err(bad)?;
            let line = row.position().map_or(1, csv::Position::line) as usize;
            let number = |index: usize| {
                let parsed: Option<f64> = row[index].parse().ok();
                parsed.filter(|value| value.is_finite()).ok_or_else(|| {
                    refuse(Place::file(file).line(line).key(&header[index]))
                        .expected("a finite number")
                        .got(format!("`{}`", &row[index]))
                })
            };
            let at = number(epoch)?;
            if last.is_some_and(|last| at <= last) {
                let place = Place::file(file).line(line).key("epoch");
                return Err(refuse(place).expected("epochs that ascend").got(at.to_string()));
            }
            last = Some(at);
            for (index, points) in columns.iter_mut().enumerate() {
                if index != epoch && !row[index].is_empty() {
                    points.push((at, number(index)?));
                }
            }
        }
        let named = header.iter().map(String::from).zip(columns);
        Ok(Self(named.filter(|(name, _)| name != "epoch").collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Logged> {
        Logged::parse(text.as_bytes(), Path::new("log.csv"), &["loss"])
    }

    #[test]
    fn reads_columns() {
        let logged = parse("epoch,loss,valid\n0,706.2,\n2,313,0.25\n").unwrap();
        assert_eq!(logged.0["loss"], [(0.0, 706.2), (2.0, 313.0)]);
        assert_eq!(logged.0["valid"], [(2.0, 0.25)]);
    }

    #[test]
    fn names_the_line_of_what_is_wrong() {
        for (text, line, what) in [
            ("loss\n1\n", 1, "`epoch`"),
            ("epoch,loss\n0,1\n1,x\n", 3, "`x`"),
            ("epoch,loss\n0,inf\n", 2, "`inf`"),
            ("epoch,loss\n1,1\n1,1\n", 3, "ascend"),
            ("epoch,loss\n0,1\n1\n", 3, "1 field"),
            ("epoch,losses\n0,1\n", 1, "did you mean `losses`?"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("log.csv:{line}")) && error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_log_of_de_rrd() {
        let file = "../reproductions/de_rrd/curves/student-citeulike-bpr.csv";
        let logged = Logged::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &["loss", "valid_H5"]).unwrap();
        assert_eq!(logged.0["loss"][0], (0.0, 706.2122));
        assert_eq!(logged.0["valid_H5"].len(), logged.0["loss"].len());
    }
}
