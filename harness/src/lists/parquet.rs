//! Lists as a table in Parquet.

use std::borrow::Cow;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use super::form::FORMS;
use super::ranking::ListRanking;
use super::table::Columns;
use crate::error::{Error, Kind, Place, Result};
use crate::file::open;

/// Takes the rows of a file, whose numbers stand for lines in messages. Takes the memory of a group of rows.
///
/// # Errors
/// [`Data`](Kind::Data): a damaged file, columns that are not those of lists, a value that is neither a text nor a number, and what
/// is wrong with a list; [`Io`](Kind::Io).
pub(super) fn parquet(judge: &mut ListRanking<'_>, path: &Path) -> Result<()> {
    let at = |row: usize| Place::file(path).line(row);
    let damaged = |error: &parquet::errors::ParquetError, row: usize| {
        Error::new(Kind::Data, "the file of Parquet is cut or damaged").at(at(row)).got(error.to_string())
    };
    let file = open(path).map_err(|error| Error::io("cannot read a file of lists", path, &error))?;
    let reader = SerializedFileReader::new(file).map_err(|error| damaged(&error, 1))?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<&[u8]> = schema.get_fields().iter().map(|field| field.name().as_bytes()).collect();
    let columns = Columns::of_names(names.iter().copied(), b',').map_err(|wrong| {
        let names = names.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(", ");
        Error::new(Kind::Data, "the columns are not those of lists")
            .at(Place::file(path))
            .expected(wrong.unwrap_or_else(|| FORMS.to_string()))
            .got(format!("`{names}`"))
    })?;
    judge.scored = Some(columns.has_scores());
    let rows = reader.get_row_iter(None).map_err(|error| damaged(&error, 1))?;
    let mut last = 0;
    for (number, row) in (1..).zip(rows) {
        last = number;
        let row = row.map_err(|error| damaged(&error, number))?;
        let fields = row.get_column_iter().map(|(name, field)| {
            text(field).ok_or_else(|| {
                Error::new(Kind::Data, "a column of the file of Parquet has a type that lists do not have")
                    .at(at(number))
                    .expected(format!("texts, whole or floating-point numbers in the column `{}`", name.escape_debug()))
                    .got(format!("`{field}`"))
            })
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        judge.row(columns.of(|at| &fields[at]), number).map_err(|error| error.or_at(at(number)))?;
    }
    judge.close().map_err(|error| error.or_at(at(last)))
}

/// A value as a table of text would have it; numbers with all their digits.
fn text(field: &Field) -> Option<Cow<'_, [u8]>> {
    Some(match field {
        Field::Str(text) => text.as_bytes().into(),
        Field::Bytes(bytes) => bytes.data().into(),
        Field::Double(number) => format!("{number:?}").into_bytes().into(),
        Field::Float(number) => format!("{:?}", f64::from(*number)).into_bytes().into(),
        Field::Byte(_)
        | Field::Short(_)
        | Field::Int(_)
        | Field::Long(_)
        | Field::UByte(_)
        | Field::UShort(_)
        | Field::UInt(_)
        | Field::ULong(_) => field.to_string().into_bytes().into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use parquet::data_type::ByteArray;

    use super::*;

    #[test]
    fn values_are_those_of_a_table_of_text() {
        let found = |field: Field| text(&field).map(|text| String::from_utf8(text.into_owned()).unwrap());
        let texts = [
            (Field::Str("u7".into()), "u7"),
            (Field::Bytes(ByteArray::from("i 9")), "i 9"),
            (Field::Long(-3), "-3"),
            (Field::ULong(u64::MAX), "18446744073709551615"),
            (Field::Double(0.1), "0.1"),
            (Field::Float(0.1), "0.10000000149011612"),
            (Field::Double(f64::NAN), "NaN"),
        ];
        for (field, expected) in texts {
            assert_eq!(found(field).as_deref(), Some(expected));
        }
        assert_eq!((found(Field::Null), found(Field::Bool(true))), (None, None));
    }
}
