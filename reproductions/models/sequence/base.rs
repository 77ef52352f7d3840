//! The sequential base models by name.

use std::sync::Arc;

use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::method::{Method, Params, Trained};
use harness::metrics::Scorer;
use harness::split::{Split, UserItems};
use harness::train::Context;
use harness::weights::Parameter;
use serde::Deserialize;

use super::{Encoder, Queries, SequentialModel, Training, Window, Windows, train};
use crate::models::{caser, fossil};

/// A sequential base model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Caser,
    Fossil,
}

impl Base {
    /// The names of all, as specs have them.
    pub const NAMES: [&str; 2] = ["caser", "fossil"];

    /// Its own among [`NAMES`](Self::NAMES).
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The trained model as it is served to the users of the split that it was trained on.
    ///
    /// # Errors
    /// If the parameters are not this model's, or of another split.
    pub fn scorer(self, parameters: &[Parameter], split: &Split) -> Result<Box<dyn Scorer>> {
        let train = Arc::new(split.train.clone());
        let scorer: Box<dyn Scorer> = match self {
            Self::Caser => Box::new(Queries::of_users(caser::CaserEncoder::new(parameters, train)?, &split.train)),
            Self::Fossil => Box::new(Queries::of_users(fossil::FossilEncoder::new(parameters, train)?, &split.train)),
        };
        if scorer.n_items() != split.n_items {
            return Err(Error::new(Kind::Internal, "a model was trained on another set of items")
                .expected(format!("{} items", split.n_items))
                .got(scorer.n_items().to_string()));
        }
        Ok(scorer)
    }

    /// The trained model as something that ranks all its ids for training windows, and the first of these ids.
    ///
    /// # Errors
    /// If the parameters are not this model's.
    pub fn of_windows(
        self,
        parameters: &[Parameter],
        train: &UserItems,
        windows: &[Window],
    ) -> Result<(Box<dyn Scorer>, u32)> {
        fn ranks(encoder: impl Encoder + 'static, windows: &[Window]) -> (Box<dyn Scorer>, u32) {
            let first = encoder.output().first;
            (Box::new(Queries::of_windows(encoder, windows.to_vec())), first)
        }
        let train = Arc::new(train.clone());
        Ok(match self {
            Self::Caser => ranks(caser::CaserEncoder::new(parameters, train)?, windows),
            Self::Fossil => ranks(fossil::FossilEncoder::new(parameters, train)?, windows),
        })
    }
}

/// A sequential model as a spec names it: `[trial.params.student.caser]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Student {
    Caser(caser::Hyper),
    Fossil(fossil::Hyper),
}

impl Student {
    pub fn base(&self) -> Base {
        match self {
            Self::Caser(_) => Base::Caser,
            Self::Fossil(_) => Base::Fossil,
        }
    }

    pub fn training(&self) -> &Training {
        match self {
            Self::Caser(hyper) => &hyper.training,
            Self::Fossil(hyper) => &hyper.training,
        }
    }

    /// The training windows of a split.
    ///
    /// # Errors
    /// As [`Windows::new`].
    pub fn windows(&self, train: &UserItems) -> Result<Windows> {
        Windows::new(train, self.training().length.get(), self.training().targets.get())
    }

    /// Numbers to train; as many as there can be if there were more.
    fn parameters(&self, users: usize, items: usize) -> usize {
        let [users, items, length] = [users, items, self.training().length.get()].map(|n| n as u128);
        let count = match self {
            Self::Caser(hyper) => {
                let [dim, vertical, horizontal] =
                    [&hyper.dim, &hyper.vertical_filters, &hyper.horizontal_filters].map(|n| n.get() as u128);
                let tables = (users + 3 * (items + 1)) * dim;
                let filters = horizontal * dim * length * (length + 1) / 2 + vertical * length;
                tables + filters + dim * (vertical * dim + horizontal * length)
            }
            Self::Fossil(hyper) => 2 * items * hyper.dim.get() as u128 + items + (users + 1) * length,
        };
        count.try_into().unwrap_or(usize::MAX)
    }

    /// Numbers that a window becomes before its representation: what the filters give, or the items that it reads.
    fn features(&self) -> usize {
        let length = self.training().length.get();
        match self {
            Self::Caser(hyper) => {
                let of_rows = hyper.vertical_filters.get().saturating_mul(hyper.dim.get());
                // Each horizontal filter at each place, of which the largest counts.
                of_rows.saturating_add(hyper.horizontal_filters.get().saturating_mul(length).saturating_mul(length))
            }
            Self::Fossil(hyper) => length.saturating_mul(hyper.dim.get()),
        }
    }

    /// A fresh model on the run's device, for users with these training sequences. Initial values come from
    /// the run's streams and are the same on every device.
    ///
    /// # Errors
    /// If it does not fit into memory, or the device fails.
    pub fn model(&self, cx: &Context<'_>, train: Arc<UserItems>) -> Result<Box<dyn SequentialModel>> {
        // Weights, two moments and the selected copy, 4 bytes each.
        check_fits("the model", [self.parameters(cx.split.n_users, cx.split.n_items)], 16)
            .map_err(|error| error.hint("use a smaller `dim`, `length` or number of filters"))?;
        let training = self.training();
        // What a step computes for each window, and its gradients.
        check_fits("what a batch computes", [training.batch.get(), self.features()], 8)
            .map_err(|error| error.hint("use a smaller `batch`, `dim`, or number of filters"))?;
        check_scored(training.batch.get(), training.targets.get().saturating_add(training.negatives.get()))
            .map_err(|error| error.hint("use a smaller `batch`, or fewer `negatives`"))?;
        match self {
            Self::Caser(hyper) => caser::model(cx, hyper, train),
            Self::Fossil(hyper) => fossil::model(cx, hyper, train),
        }
    }
}

/// Refuses batches that cannot be scored at once: an id, a score and its gradient for each column of a window.
///
/// # Errors
/// [`Input`](Kind::Input)
pub fn check_scored(batch: usize, columns: usize) -> Result<()> {
    check_fits("what a batch scores", [batch, columns], 12)
}

/// A sequential model trained by itself.
struct Plain(Student);

impl Method for Plain {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let windows = self.0.windows(&cx.split.train)?;
        train(cx, &self.0, &windows, None)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.0.base().name())
    }
}

type Built = std::result::Result<Box<dyn Method>, toml::de::Error>;

/// The method `caser`.
pub fn caser(params: Params<'_>) -> Built {
    Ok(Box::new(Plain(Student::Caser(params.read()?))))
}

/// The method `fossil`.
pub fn fossil(params: Params<'_>) -> Built {
    Ok(Box::new(Plain(Student::Fossil(params.read()?))))
}

/// A kept Caser as it is served.
///
/// # Errors
/// As [`Base::scorer`].
pub fn serve_caser(parameters: &[Parameter], split: &Split) -> Result<Box<dyn Scorer>> {
    Base::Caser.scorer(parameters, split)
}

/// A kept Fossil as it is served.
///
/// # Errors
/// As [`Base::scorer`].
pub fn serve_fossil(parameters: &[Parameter], split: &Split) -> Result<Box<dyn Scorer>> {
    Base::Fossil.scorer(parameters, split)
}
