//! A made-up stream of labelled samples, and a pre-trained Embedding&MLP as its teacher.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::data::{Clock, Dataset, Interaction, ItemCategories, Part, Values};
use harness::digest::Digest;
use harness::error::Result;
use harness::method::{Method, Trained};
use harness::metrics::{Candidates, Protocol};
use harness::optim::TfAdam;
use harness::rng::Stream;
use harness::split::periods::{Periods, Roles, by_count};
use harness::split::{Cut, Labelling, Positives, Ties};
use harness::train::{Checkpoint, Context, Task, Teacher};
use harness::value::Count;
use harness::weights::{Artefact, PeriodArtefacts, Provenance, Weights};

use super::Watcher;
use crate::models::embedding_mlp::{EmbeddingMlp, EmbeddingMlpHyper, LocalBatch};

/// The first period that is tested, of the last and the first that counts.
pub const FIRST: usize = 3;
pub const LAST: usize = 6;

/// Samples of a period.
pub const SAMPLES: usize = 60;

/// Seven periods of sixty samples: forty users rate thirty items, and like those of their own fifth.
pub fn impressions(with_categories: bool) -> Periods {
    let mut stream = Stream::new(0, "impressions", "events", 0);
    let events = (0..(LAST + 1) * SAMPLES).map(|k| {
        let (user, item) = (stream.below(40), stream.below(30));
        let likes = user % 5 == item % 5 || stream.below(4) == 0;
        Interaction { user, item, time: (k as i64).into(), value: if likes { 5.0 } else { 2.0 }, session: 0 }
    });
    let categories = ItemCategories::new(4, (0..30u32).map(|item| vec![item % 3, 3]));
    let dataset = Dataset {
        name: "made-up".into(),
        n_users: 40,
        n_items: 30,
        user_places: Vec::new(),
        item_places: Vec::new(),
        session_places: Vec::new(),
        categories: with_categories.then_some(categories),
        clock: Clock::Unix,
        values: Values::Numbers,
        parts: vec![Part { name: "all".into(), interactions: events.collect() }],
    };
    let positives = Positives::RatingsAtLeast(4.0);
    let labelling = Labelling { positives, negatives: None, history: 4, expect: Default::default() };
    let roles = Roles::new(LAST, FIRST.try_into().ok(), 5.try_into().ok()).unwrap();
    by_count(&dataset, &labelling, roles, Ties::FileOrder).unwrap().0
}

/// A model that has seen the pre-training periods once, with its moments.
pub fn pretrained(periods: &Periods) -> Weights {
    let hyper = EmbeddingMlpHyper { dim: Count::try_from(4).unwrap() };
    let sizes = hyper.sizes(periods.n_users(), periods.n_items(), periods.categories().map(ItemCategories::count));
    let initial = sizes.initial(|purpose| Stream::new(0, "impressions", purpose, 0));
    let mut model = EmbeddingMlp::new(initial.into()).unwrap();
    let (samples, mut batch) = (periods.samples(0..FIRST).unwrap(), LocalBatch::new(&sizes));
    for positions in (0..samples.len() as u32).collect::<Vec<_>>().chunks(20) {
        batch.clear();
        batch.push(samples, positions, periods.categories());
        model.forward_backward(&batch);
        model.step(&batch, &TfAdam { learning_rate: 1e-2 });
    }
    model.settle();
    model.with_moments().unwrap()
}

/// Does something in the context of a run through this stream, stopped after some epochs; what is kept stays in `folder`.
pub fn with_impressions<T>(
    periods: Periods,
    metrics: &[&str],
    folder: &Path,
    until: usize,
    work: impl FnOnce(&mut Context<'_>) -> T,
) -> T {
    let of = Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") };
    let tested_models = PeriodArtefacts { folder: folder.join("teacher"), of };
    let weights = pretrained(&periods);
    let artefact = Artefact { kind: Some("embedding-mlp".into()), weights };
    tested_models.write(FIRST, &artefact).unwrap();
    let Artefact { weights, .. } = artefact;
    let teacher = Teacher {
        trial: "iu".into(),
        kind: "embedding-mlp".into(),
        weights,
        tested_models,
        folder: folder.join("derived"),
        teacher: None,
    };
    let metrics = metrics.iter().map(|metric| metric.parse().unwrap()).collect();
    let protocol = Protocol::new(Candidates::Labelled, metrics).unwrap();
    let task = Task::new(Cut::Periods(periods), &protocol).unwrap();
    let watcher = Watcher::until(until);
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let begun = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    work(&mut Context { teacher: Some(&teacher), ..begun })
}

/// Trains through the stream until the end, or until some epochs are done.
pub fn train_on_impressions(
    method: &dyn Method,
    with_categories: bool,
    folder: &Path,
    until: usize,
) -> Result<Trained> {
    let metrics = ["auc", "logloss"];
    with_impressions(impressions(with_categories), &metrics, folder, until, |cx| {
        method.check(cx.task, cx.device)?;
        method.train(cx)
    })
}

/// All that a run through periods came to, but for its seconds.
pub fn bits_of_periods(trained: &Trained) -> String {
    let periods = trained.periods.iter().map(|l| format!("{:?} {:?} {:?} {:?}", l.facts, l.selected, l.curve, l.test));
    let all = trained.weights.parameters.iter().chain(trained.meta.iter().flat_map(|meta| &meta.parameters));
    let weights = all.map(|parameter| super::bits(&parameter.values));
    format!("{:?} {:?}", periods.collect::<Vec<_>>(), weights.collect::<Vec<_>>())
}

/// Holds a run that is stopped and gone on with against one that is not: `epochs` are all that it trains.
pub fn assert_resumes(method: &dyn Method, with_categories: bool, epochs: usize, stops: &[&[usize]]) {
    let whole_folder = tempfile::tempdir().unwrap();
    let whole = train_on_impressions(method, with_categories, whole_folder.path(), usize::MAX).unwrap();
    assert_eq!(whole.periods.iter().map(|period| period.epochs_run).sum::<usize>(), epochs);
    for stops in stops {
        let folder = tempfile::tempdir().unwrap();
        for &stop in *stops {
            let error = train_on_impressions(method, with_categories, folder.path(), stop).err().expect("stopped");
            assert_eq!(error.kind(), harness::error::Kind::Interrupted, "{error}");
        }
        let resumed = train_on_impressions(method, with_categories, folder.path(), usize::MAX).unwrap();
        assert!(bits_of_periods(&resumed) == bits_of_periods(&whole), "stopped after {stops:?} epochs");
    }
}
