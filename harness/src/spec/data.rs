//! The data of a spec: read, filtered and split, and bound to its protocol.

use std::ops::Deref;

use super::Spec;
use crate::data::{Cache, Dataset, DatasetIds, Manifest, SourceIds, load, load_with_ids};
use crate::digest::Digest;
use crate::error::{Place, Result};
use crate::queries::Queries;
use crate::rank::Ranker;
use crate::split::{Applied, SourceNumbers, TimeTies};
use crate::train::Task;

/// The data and the protocol of a spec, ready for all of its runs.
pub struct SpecData {
    pub task: Task,
    /// Digest of the prepared dataset.
    pub dataset_digest: Digest,
    /// How many held-out items were chosen among events of equal time, where the split goes by time.
    pub time_ties: Option<TimeTies>,
}

/// The dataset's own ids of what a split numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitIds {
    /// By user of the split, of pieces by owner; empty where askers are sessions.
    pub users: SourceIds,
    /// By item of the split.
    pub items: SourceIds,
}

impl SpecData {
    /// Reads the data and splits it.
    ///
    /// # Errors
    /// Data that is missing or wrong; a split or a protocol that does not fit the data.
    pub fn read(spec: &Spec, manifest: &Manifest, cache: &Cache) -> Result<Self> {
        Self::of(spec, load(manifest, cache)?).map(|(data, _)| data)
    }

    /// The same, with the dataset's own ids.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with_ids(spec: &Spec, manifest: &Manifest, cache: &Cache) -> Result<(Self, SplitIds)> {
        let (dataset, DatasetIds { users, items }) = load_with_ids(manifest, cache)?;
        let (data, numbers) = Self::of(spec, dataset)?;
        Ok((data, SplitIds { users: users.picked(&numbers.users), items: items.picked(&numbers.items) }))
    }

    /// The word for an asker of a single split, and the askers' ids: users have the dataset's own, pieces their numbers.
    ///
    /// # Panics
    /// If the data is a stream of periods.
    pub fn askers(&self, ids: &SplitIds) -> (&'static str, SourceIds) {
        askers(self.task.test.queries(), None, ids)
    }

    /// What is tested, and counts: the test of a split or, of a stream, every period that is evaluated, in order.
    ///
    /// # Errors
    /// A period that the protocol does not fit.
    pub fn tests(&self) -> Result<Vec<Test<'_>>> {
        Test::all(&self.task)
    }

    fn of(spec: &Spec, dataset: Dataset) -> Result<(Self, SourceNumbers)> {
        let dataset_digest = dataset.digest();
        let at = |key: &str| Place::file(&spec.file).key(key);
        let dataset = spec.events.keep(dataset).map_err(|error| error.or_at(at("events")))?;
        let Applied { cut, ties, numbers } =
            spec.split.apply(&dataset, spec.events.ties).map_err(|error| error.or_at(at("split")))?;
        drop(dataset); // Training reads the split alone; the dataset is a third of a small run's memory.
        let task = Task::new(cut, &spec.protocol).map_err(|error| error.or_at(at("protocol")))?;
        Ok((Self { task, dataset_digest, time_ties: ties }, numbers))
    }
}

/// Queries that are tested together: those of a split, or of one period.
pub struct Test<'a> {
    /// Number of the period; none of a single split.
    pub period: Option<usize>,
    /// Whether the period only warms up, so that its result does not count.
    pub warm_up: bool,
    pub ranker: TestRanker<'a>,
}

/// A ranker that was made with the task, or for this test.
pub enum TestRanker<'a> {
    Of(&'a Ranker),
    Own(Box<Ranker>),
}

impl Deref for TestRanker<'_> {
    type Target = Ranker;

    fn deref(&self) -> &Ranker {
        match self {
            Self::Of(ranker) => ranker,
            Self::Own(ranker) => ranker,
        }
    }
}

impl<'a> Test<'a> {
    /// All tests of a task, as [`SpecData::tests`].
    ///
    /// # Errors
    /// A period that the protocol does not fit.
    pub fn all(task: &'a Task) -> Result<Vec<Self>> {
        let Some(periods) = task.periods() else {
            return Ok(vec![Test { period: None, warm_up: false, ranker: TestRanker::Of(&task.test) }]);
        };
        let test = |number: usize| {
            let ranker = Ranker::new(&task.protocol, Queries::of_period(periods.period(number)))?;
            let warm_up = !periods.roles().tested().contains(&number);
            Ok(Test { period: Some(number), warm_up, ranker: TestRanker::Own(Box::new(ranker)) })
        };
        periods.roles().evaluated().map(test).collect()
    }

    /// The word for an asker, and the askers' ids. Users have the dataset's own ids, pieces their numbers, askers of period 3
    /// are `3.0`, `3.1`, ….
    pub fn askers(&self, ids: &SplitIds) -> (&'static str, SourceIds) {
        askers(self.ranker.queries(), self.period, ids)
    }
}

fn askers(queries: &Queries, period: Option<usize>, ids: &SplitIds) -> (&'static str, SourceIds) {
    let numbers = 0..queries.inputs().n_users();
    let ids = match period {
        Some(period) => numbers.map(|asker| format!("{period}.{asker}")).collect(),
        None if queries.are_pieces() => numbers.map(|asker| asker.to_string()).collect(),
        None => ids.users.clone(),
    };
    (queries.noun(), ids)
}
