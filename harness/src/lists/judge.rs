//! Ranks the held-out items in lists that another program made.

use std::io::{BufRead as _, Read};
use std::path::Path;

use super::form::{FORMS, ListForm, Reading, told_by};
use super::ids::IdTable;
use super::judged::{JudgedLists, ListTest};
use super::lines::{Lines, NoLine};
use super::message::{not_a_row, shown};
use super::ranking::ListRanking;
use super::source::Source;
use super::table::trec_row;
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

/// Reads lists and ranks the targets of all tests in them. `items`: the ids of the items, by number; `split`: the digest of
/// the split, which a file that names one must have; `path` is for messages.
///
/// The rows of a list stand together; lists may have any order. Scores are compared in f64, whatever the order of the rows; of equal
/// ones the protocol's rule says which comes first. Takes the memory of the queries and of one list.
///
/// # Errors
/// [`Data`](Kind::Data), with the line: an unknown asker or item, an item twice in a list, one that the protocol excludes
/// or that is no candidate, a score that is not finite, a list that goes on later, one that is shorter than the largest
/// cutoff or lacks candidates of a sampled protocol or labelled pairs; a query without a list; labelled pairs without scores; lists of
/// another split; a file that is cut or in none of the forms. [`Io`](Kind::Io).
///
/// # Panics
/// If there is no test.
pub fn judge_lists(
    tests: &[ListTest<'_>],
    items: &IdTable,
    split: Digest,
    input: impl Read + 'static,
    path: &Path,
) -> Result<JudgedLists> {
    let protocol = tests.first().expect("something is tested").ranker.protocol();
    let at = |line: usize| Place::file(path).line(line);
    let failed = |error: &std::io::Error, line: usize| match error.kind() {
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
            Error::new(Kind::Data, "the file of lists is cut or damaged").at(at(line)).got(error.to_string())
        }
        _ => Error::io("cannot read a file of lists", path, error),
    };
    let mut source = Source::new(input).map_err(|error| failed(&error, 1))?;
    let mut judge = ListRanking::new(tests, items, protocol);
    if source.text.fill_buf().is_ok_and(|begin| begin.starts_with(PARQUET)) {
        if source.is_gzip {
            return Err(Error::new(Kind::Data, "a file of Parquet within a gzip file")
                .at(Place::file(path))
                .expected("a file of Parquet as it is: it is compressed within")
                .got("one that gzip compressed again"));
        }
        parquet(&mut judge, path)?;
        std::io::copy(&mut source.text, &mut std::io::sink()).map_err(|error| failed(&error, 1))?;
        return judge.finish(ListForm::Parquet, source.digest(), false).map_err(|error| error.or_at(Place::file(path)));
    }
    let mut lines = Lines::new(&mut source.text);
    let (mut reading, mut unquoted) = (None, Vec::new());
    loop {
        let most = match reading {
            None => LONGEST_LINE.max(judge.longest_list.min(FIRST_LINE)),
            Some(Reading::Json) => judge.longest_list,
            Some(_) => LONGEST_LINE,
        };
        let (number, line) = match lines.next(most) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(NoLine::Io(error)) => return Err(failed(&error, lines.number + 1)),
            Err(NoLine::TooLong(most)) => {
                return Err(Error::new(Kind::Data, "a line of the file of lists is too long")
                    .at(at(lines.number))
                    .expected(format!("at most {most} bytes"))
                    .got("more"));
            }
        };
        let wrong = |what: String| not_a_row(what, line);
        let read = match &reading {
            None => match told_by(line) {
                Ok(Reading::Json) => {
                    reading = Some(Reading::Json);
                    judge.json(line, split)
                }
                Ok(Reading::Trec) => {
                    reading = Some(Reading::Trec);
                    judge.scored = Some(true);
                    trec_row(line).map_err(wrong).and_then(|row| judge.row(row, number))
                }
                Ok(Reading::Table(form, columns)) => {
                    judge.scored = Some(columns.has_scores());
                    reading = Some(Reading::Table(form, columns));
                    Ok(())
                }
                Err(what) => Err(Error::new(Kind::Data, "the file is in none of the forms of lists")
                    .expected(FORMS)
                    .got(format!("{what}: {}", shown(line)))),
            },
            Some(Reading::Json) => judge.json(line, split),
            Some(Reading::Trec) => trec_row(line).map_err(wrong).and_then(|row| judge.row(row, number)),
            Some(Reading::Table(_, columns)) => {
                columns.row(line, &mut unquoted).map_err(wrong).and_then(|row| judge.row(row, number))
            }
        };
        if let Err(error) = read {
            let cut = !lines.ended;
            let error = error.or_at(at(lines.number));
            return Err(if cut { error.hint("the file ends within this line: was it cut?") } else { error });
        }
    }
    let (last, ended) = (lines.number, lines.ended);
    judge.close().map_err(|error| error.or_at(at(last)))?;
    let unended = !ended && reading != Some(Reading::Json);
    let form = match reading {
        None => {
            return Err(Error::new(Kind::Data, "the file of lists is empty").at(Place::file(path)).expected(FORMS));
        }
        Some(Reading::Table(form, _)) => form,
        Some(Reading::Trec) => ListForm::Trec,
        Some(Reading::Json) => ListForm::Json,
    };
    judge.finish(form, source.digest(), unended).map_err(|error| error.or_at(Place::file(path)))
}

/// What a file of Parquet begins with.
const PARQUET: &[u8] = b"PAR1";

#[cfg(feature = "parquet")]
use super::parquet::parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(_: &mut ListRanking<'_>, path: &Path) -> Result<()> {
    Err(Error::new(Kind::Missing, "this program was built without Parquet")
        .at(Place::file(path))
        .expected(FORMS)
        .got("a file of Parquet")
        .hint("`cargo build --release --features parquet`; or write a table as text, compressed or not"))
}

/// Most bytes of a row.
const LONGEST_LINE: usize = 1 << 16;
/// Most bytes of the first line, before it is known whether it is a list.
const FIRST_LINE: usize = 1 << 26;
