//! Ranks held-out items in lists, one list at a time.

use super::form::ListForm;
use super::found::FoundRanks;
use super::ids::IdTable;
use super::json::{JsonLine, VERSION, json_line};
use super::judged::{JudgedLists, ListTest};
use super::message::{not_a_row, number, read_as_a_number, shown, without_list};
use super::pairs::{PairScores, no_scores};
use super::table::Row;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Candidates, Protocol};
use crate::rank::Ranker;

/// Bytes in a list in JSON that an item takes besides its id: quotes, commas, a score.
const AROUND_AN_ITEM: usize = 64;
/// Most bytes of what stands around a list in JSON.
const AROUND_A_LIST: usize = 1 << 16;
/// Digits of a digest that are shown.
const SHORT: usize = 12;

/// What is known of an item within the list in hand.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// Number of the list that the flags are of.
    list: u32,
    flags: u8,
}

/// The protocol excludes the item or, of a sampled one, the item is a candidate.
const MARKED: u8 = 1;
const LISTED: u8 = 2;
const TARGET: u8 = 4;

/// The list in hand.
#[derive(Default)]
struct Open {
    id: Vec<u8>,
    /// Test and place among its queries, of labelled pairs the asker's number; `None` where the asker asks nothing.
    query: Option<(usize, usize)>,
    /// Line of its first row.
    line: usize,
    /// Items and scores in the order of the rows.
    rows: Vec<(u32, f64)>,
    /// Places of targets among the rows.
    found: Vec<usize>,
    /// The last rank, where the file has ranks and no scores.
    rank: f64,
}

/// Ranks the targets of all tests in lists that come row by row.
pub(super) struct ListRanking<'a> {
    tests: &'a [ListTest<'a>],
    items: &'a IdTable,
    protocol: &'a Protocol,
    /// Of the askers of all tests, one test after the other.
    askers: IdTable,
    /// By test: the number of its first asker in that table.
    first_asker: Vec<u32>,
    /// By asker of all tests: whether a list of it was closed, or is open.
    met: Vec<bool>,
    found: Vec<FoundRanks>,
    /// By test, where labelled pairs are scored; else empty.
    pairs: Vec<PairScores>,
    marks: Vec<Mark>,
    /// Number of the list in hand, from 1; 0 before the first.
    list: u32,
    open: Open,
    /// Whether lists have scores, once that is known.
    pub scored: Option<bool>,
    lists: usize,
    unasked: usize,
    /// Trial and seed that the file names.
    named: Option<(String, u64)>,
    /// Most bytes of a list in JSON.
    pub longest_list: usize,
}

impl<'a> ListRanking<'a> {
    pub fn new(tests: &'a [ListTest<'a>], items: &'a IdTable, protocol: &'a Protocol) -> Self {
        let found = tests.iter().map(|test| FoundRanks::none(test.ranker.queries())).collect();
        let labelled = protocol.candidates == Candidates::Labelled;
        let pairs = tests.iter().filter(|_| labelled).map(|test| PairScores::of(test.ranker.queries())).collect();
        let (mut first_asker, mut n_askers) = (Vec::new(), 0);
        for test in tests {
            first_asker.push(n_askers);
            n_askers += test.askers.len() as u32;
        }
        let askers = IdTable::new(tests.iter().flat_map(|test| test.askers.iter()).collect());
        let longest_id = items.ids().iter().map(<[u8]>::len).max().unwrap_or(0);
        // A byte of an id is at most six in JSON.
        let longest_list = (6 * longest_id + AROUND_AN_ITEM).saturating_mul(items.ids().len() + 1) + AROUND_A_LIST;
        Self {
            tests,
            items,
            protocol,
            met: vec![false; askers.ids().len()],
            askers,
            first_asker,
            found,
            pairs,
            marks: vec![Mark::default(); items.ids().len()],
            list: 0,
            open: Open::default(),
            scored: None,
            lists: 0,
            unasked: 0,
            named: None,
            longest_list,
        }
    }

    /// Takes a row at a line.
    pub fn row(&mut self, row: Row<'_>, line: usize) -> Result<()> {
        if self.list == 0 || row.asker != self.open.id {
            // Told before a list that this row cuts short.
            let asker = self.asker(row.asker)?;
            self.close()?;
            self.begin(asker, row.asker, line)?;
        }
        let score = match (row.score, row.rank) {
            (Some(score), _) => number("score", score)?,
            (None, Some(rank)) => {
                let rank = number("rank", rank)?;
                if !self.open.rows.is_empty() && rank <= self.open.rank {
                    return Err(self
                        .wrong("the ranks of a list do not ascend")
                        .expected(format!("a rank above {}", self.open.rank))
                        .got(rank.to_string()));
                }
                self.open.rank = rank;
                0.0
            }
            (None, None) => 0.0,
        };
        self.item(row.item, score)
    }

    /// Takes a line of lists in JSON.
    pub fn json(&mut self, line: &[u8], split: Digest) -> Result<()> {
        let JsonLine { query, items, scores, lists, trial, seed, split: of_split, protocol, .. } =
            json_line(line).map_err(|what| not_a_row(format!("a list in JSON ({what})"), line))?;
        if let Some(version) = lists {
            if version != VERSION || query.is_some() || items.is_some() || self.list > 0 {
                return Err(not_a_row(
                    format!("a header of the version {VERSION} as the first line, without a list"),
                    line,
                ));
            }
            let told = [("split", of_split, split), ("protocol", protocol, self.protocol.digest())];
            for (what, other, expected) in told {
                if let Some(other) = other.filter(|other| **other != expected.to_string()) {
                    return Err(Error::new(Kind::Data, format!("the lists were made for another {what}"))
                        .expected(format!("the {what} {}", expected.short()))
                        .got(other.chars().take(SHORT).collect::<String>()));
                }
            }
            self.named = trial.map(String::from).zip(seed);
            return Ok(());
        }
        let (Some(query), Some(items)) = (query, items) else {
            return Err(not_a_row("a list with the keys `query` and `items`".into(), line));
        };
        let scored = *self.scored.get_or_insert(scores.is_some());
        let length = scores.as_ref().map(Vec::len);
        if scored != scores.is_some() || length.is_some_and(|length| length != items.len()) {
            return Err(Error::new(
                Kind::Data,
                format!("the list of `{}` does not have a score for each item", query.0.escape_debug()),
            )
            .expected(if scored {
                format!("{} scores", items.len())
            } else {
                "no scores, as the lists before it".into()
            })
            .got(length.map_or("none".into(), |length| length.to_string())));
        }
        let asker = self.asker(query.0.as_bytes())?;
        self.begin(asker, query.0.as_bytes(), 0)?;
        for (at, item) in items.iter().enumerate() {
            let score = scores.as_ref().map_or(0.0, |scores| scores[at]);
            self.item(item.0.as_bytes(), score)?;
        }
        // A list is a line, and its errors are of that line.
        self.close()
    }

    /// The number of an asker among those of all tests.
    fn asker(&self, id: &[u8]) -> Result<u32> {
        let noun = self.tests[0].ranker.queries().noun();
        self.askers.number(id).ok_or_else(|| {
            Error::new(Kind::Data, format!("an unknown {noun} in the lists"))
                .expected(format!("a {noun} of the split, by the dataset's own id"))
                .got(shown(id))
                .hint(read_as_a_number(&self.askers, id).unwrap_or("`reprise export` writes the ids".into()))
        })
    }

    fn begin(&mut self, number: u32, id: &[u8], line: usize) -> Result<()> {
        let noun = self.tests[0].ranker.queries().noun();
        if std::mem::replace(&mut self.met[number as usize], true) {
            return Err(Error::new(Kind::Data, format!("the list of {noun} {} goes on here, after others", shown(id)))
                .expected("all rows of a list together")
                .hint(format!("sort the rows by {noun}, or keep one list of each")));
        }
        let test = self.first_asker.partition_point(|first| *first <= number) - 1;
        let (ranker, asker) = (self.tests[test].ranker, number - self.first_asker[test]);
        let queries = ranker.queries();
        self.list += 1;
        let open = &mut self.open;
        open.id.clear();
        open.id.extend_from_slice(id);
        open.query = match self.pairs.get(test) {
            None => queries.ids().binary_search(&asker).ok().map(|at| (test, at)),
            Some(pairs) => pairs.items(queries, asker).next().map(|_| (test, asker as usize)),
        };
        self.unasked += usize::from(open.query.is_none());
        open.line = line;
        open.rows.clear();
        open.found.clear();
        open.rank = 0.0;
        let (list, marks) = (self.list, &mut self.marks);
        let mut mark = |items: &[u32], flag: u8| {
            for &item in items {
                let mark = &mut marks[item as usize];
                if mark.list != list {
                    *mark = Mark { list, flags: 0 };
                }
                mark.flags |= flag;
            }
        };
        if let Some(pairs) = self.pairs.get(test) {
            pairs.items(queries, asker).for_each(|item| mark(&[item], MARKED));
            return Ok(());
        }
        mark(ranker.excluded(asker), MARKED);
        if let Some((_, at)) = open.query {
            let targets = queries.targets_of(at);
            mark(targets, TARGET);
            if let Some(negatives) = ranker.negatives(asker) {
                mark(negatives, MARKED);
                mark(targets, MARKED);
            }
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> Error {
        let noun = self.tests[0].ranker.queries().noun();
        Error::new(Kind::Data, format!("{what} ({noun} {})", shown(&self.open.id)))
    }

    /// Takes an item of the list in hand.
    fn item(&mut self, id: &[u8], score: f64) -> Result<()> {
        let Some(item) = self.items.number(id) else {
            return Err(self
                .wrong("an unknown item in a list")
                .expected("an item of the split, by the dataset's own id")
                .got(shown(id))
                .hint(read_as_a_number(self.items, id).unwrap_or(
                    "`reprise export` writes the ids; the split has only items that its rule keeps".into(),
                )));
        };
        let mark = &mut self.marks[item as usize];
        if mark.list != self.list {
            *mark = Mark { list: self.list, flags: 0 };
        }
        let flags = mark.flags;
        mark.flags |= LISTED;
        if flags & LISTED != 0 {
            return Err(self.wrong("an item is twice in a list").got(shown(id)));
        }
        if !score.is_finite() {
            return Err(self.not_finite(id, score));
        }
        let Some((test, _)) = self.open.query else { return Ok(()) };
        if item as usize >= self.tests[test].ranker.queries().n_items() {
            return Err(self.wrong("an item is not known yet in the period of the query").got(shown(id)));
        }
        let candidates = match self.protocol.candidates {
            Candidates::Sampled { .. } => {
                Some(("the held-out item and the negatives that were drawn", "the candidates"))
            }
            Candidates::Labelled => Some(("an item of its labelled pairs", "the pairs")),
            Candidates::Full | Candidates::All => None,
        };
        if let Some((expected, written)) = candidates.filter(|_| flags & MARKED == 0) {
            return Err(self
                .wrong("an item is none of the query's candidates")
                .expected(expected)
                .got(shown(id))
                .hint(format!("`reprise export` writes {written}")));
        }
        if candidates.is_none() && flags & MARKED != 0 {
            return Err(self
                .wrong("the protocol excludes an item of a list")
                .expected("items that were neither trained on nor validated on")
                .got(shown(id)));
        }
        if flags & TARGET != 0 {
            self.open.found.push(self.open.rows.len());
        }
        self.open.rows.push((item, score));
        Ok(())
    }

    fn not_finite(&self, id: &[u8], score: f64) -> Error {
        self.wrong("a score cannot be ranked")
            .expected("a finite number")
            .got(format!("{score} for item {}", shown(id)))
    }

    /// Ranks the targets in the list in hand.
    pub fn close(&mut self) -> Result<()> {
        let Some((test, at)) = self.open.query.take() else { return Ok(()) };
        if !self.pairs.is_empty() {
            return self.close_pairs(test, at as u32);
        }
        let ranker = self.tests[test].ranker;
        let (needed, candidates) = self.needed(ranker, at);
        let Open { rows, found, line, .. } = &self.open;
        if rows.len() < needed {
            let what = match self.protocol.candidates {
                Candidates::Sampled { .. } => "a list lacks candidates",
                _ if needed == candidates => "a list is not complete, which a metric without a cutoff needs",
                _ => "a list is shorter than the largest cutoff",
            };
            let error = self.wrong(what).expected(format!("at least {needed} items")).got(rows.len().to_string());
            return Err(if *line > 0 {
                error.hint(format!("the list begins at line {line}; all rows of a list stand together"))
            } else {
                error
            });
        }
        let target_first = matches!(self.protocol.candidates, Candidates::Sampled { .. });
        self.found[test].take(ranker.queries(), at, rows, found, self.scored == Some(true), target_first);
        self.lists += 1;
        Ok(())
    }

    /// How many items the list of a query must have, and how many candidates there are.
    fn needed(&self, ranker: &Ranker, at: usize) -> (usize, usize) {
        let queries = ranker.queries();
        let asker = queries.ids()[at];
        let candidates = match ranker.negatives(asker) {
            Some(negatives) => negatives.len() + 1,
            None => queries.n_items() - ranker.excluded(asker).len(),
        };
        let needed = self.protocol.list_length().map_or(candidates, |length| candidates.min(length as usize));
        (needed, candidates)
    }

    /// Takes the scores of the list in hand.
    fn close_pairs(&mut self, test: usize, asker: u32) -> Result<()> {
        if self.scored != Some(true) {
            return Err(no_scores());
        }
        let queries = self.tests[test].ranker.queries();
        if let Some(item) = self.pairs[test].take(queries, asker, &self.open.rows) {
            let lacking = shown(self.items.ids().of(item));
            return Err(self.wrong("a list lacks an item of a labelled pair").expected(lacking).got("no score for it"));
        }
        self.lists += 1;
        Ok(())
    }

    pub fn finish(self, form: ListForm, (digest, bytes): (Digest, u64), unended: bool) -> Result<JudgedLists> {
        for (test, found) in self.tests.iter().zip(&self.found) {
            let queries = test.ranker.queries();
            without_list(test, found.unanswered(queries), queries.len(), "with a held-out item")?;
        }
        for (test, pairs) in self.tests.iter().zip(&self.pairs) {
            let askers = test.ranker.queries().inputs().n_users();
            without_list(test, pairs.unscored(), askers, "with labelled pairs")?;
        }
        if !self.pairs.is_empty() {
            let all = self.tests.iter().zip(self.pairs);
            let evaluations = all
                .map(|(test, pairs)| pairs.evaluate(test.ranker.queries(), &self.protocol.metrics))
                .collect::<Result<_>>()?;
            let (lists, unasked, named) = (self.lists, self.unasked, self.named);
            return Ok(JudgedLists { evaluations, form, scored: true, digest, bytes, lists, unasked, named, unended });
        }
        let evaluations = self.tests.iter().zip(self.found);
        let evaluations =
            evaluations.map(|(test, found)| found.evaluate(test.ranker.queries(), &self.protocol.metrics));
        Ok(JudgedLists {
            evaluations: evaluations.collect(),
            form,
            scored: self.scored == Some(true),
            digest,
            bytes,
            lists: self.lists,
            unasked: self.unasked,
            named: self.named,
            unended,
        })
    }
}
