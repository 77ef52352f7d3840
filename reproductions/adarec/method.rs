//! AdaRec's methods: a search, and students of one architecture.

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::method::{Built, Method, Params, Trained};
use harness::train::{Context, Model, Task};
use harness::value::checked;
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::architecture::Architecture;
use super::control::equally_costly;
use super::distiller::{Distiller, Projected, StudentShape};
use super::learner::{Learnt, StudentLearner};
use super::options::{DistillationHyper, SearchHyper, StudentArchitecture, StudentHyper, StudentParams, check_length};
use super::relaxation::ArchitectureParameters;
use super::serve::{self, of_searched};
use super::student::Student;
use super::student_sizes::{Network, StudentSizes, inherit};
use crate::models::PIECE_NAMES;
use crate::models::pieces::{PieceTraining, Start};

/// The method `adarec-search`: a super-net and its α learn from a teacher, and α's largest entries are the architecture.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Search {
    model: StudentHyper,
    search: SearchHyper,
    distillation: DistillationHyper,
    training: PieceTraining,
}

impl<'de> Deserialize<'de> for Search {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            model: StudentHyper,
            search: SearchHyper,
            distillation: DistillationHyper,
            training: PieceTraining,
        }
        let Wire { model, search, distillation, training } = Wire::deserialize(deserializer)?;
        checked(Self { model, search, distillation, training }, |search| {
            check_length(search.training.length)?;
            // τ falls with every change, so the last is the smallest.
            search.search.temperature.after(search.training.epochs.get() - 1).map(|_| ())
        })
    }
}

impl Method for Search {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "a search without a teacher"))?;
        let sizes = StudentSizes {
            items: cx.split().n_items,
            length: self.training.length.get(),
            channels: self.model.channels.get(),
            cells: self.model.cells.get(),
            network: Network::Search(self.search.space.clone()),
        };
        sizes.check()?;
        let student = Student::new(sizes.initial(|purpose| cx.stream(purpose, 0)), self.model.dropout())?;
        let alpha = ArchitectureParameters::new(self.search.space.clone(), |purpose| cx.stream(purpose, 0));
        let distiller = Distiller::of_teacher(cx, &self.distillation, teacher, &shape(&sizes))?;
        let mut learner = StudentLearner::new(student, Learnt::Search(&self.search, Box::new(alpha)), Some(distiller));
        let selected = learner.train(cx, &self.training)?;
        let derived = learner.architecture()?;
        report(cx, &sizes, &derived);
        let (cells, length) = (sizes.cells, sizes.length);
        cx.facts
            .insert("labels seen in the space".into(), (self.search.space.labels_seen(cells, length) as f64).into());
        let weights = learner.weights()?;
        let scorer = serve::search_scorer(&weights, cx.task.test.queries())?;
        Ok(Trained { scorer, weights, meta: None, selected: Some(selected), periods: Vec::new() })
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        check(task, device, &self.training, self.model.channels.get())
    }

    fn makes(&self) -> Option<&'static str> {
        Some(serve::SEARCH)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        PIECE_NAMES
    }
}

/// The method `adarec-student`.
impl Method for StudentParams {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let (sizes, weights) = self.begin(cx)?;
        let Network::Fixed(architecture) = sizes.network else {
            return Err(Error::new(Kind::Internal, "a student without an architecture"));
        };
        let teacher = match self.architecture {
            StudentArchitecture::Fixed(_) => cx.teacher,
            _ => cx.teacher.and_then(|derived_from| derived_from.teacher.as_deref()),
        };
        let distiller = match (self.distillation.get(), teacher) {
            (None, _) => None,
            (Some(hyper), Some(teacher)) => Some(Distiller::of_teacher(cx, hyper, teacher, &shape(&sizes))?),
            (Some(_), None) => {
                return Err(Error::new(Kind::Input, "there is no teacher to distil from")
                    .expected("a student of a search or of a student that learnt from a teacher itself")
                    .got("one that learnt by cross entropy alone"));
            }
        };
        let student = Student::new(weights, self.model.dropout())?;
        let mut learner = StudentLearner::new(student, Learnt::Weights(architecture), distiller);
        let selected = learner.train(cx, &self.training)?;
        report(cx, &sizes, &architecture);
        let weights = learner.weights()?;
        let scorer = serve::scorer(&weights, cx.task.test.queries())?;
        Ok(Trained { scorer, weights, meta: None, selected: Some(selected), periods: Vec::new() })
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        check(task, device, &self.training, self.model.channels.get())
    }

    fn makes(&self) -> Option<&'static str> {
        Some(serve::STUDENT)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        match (self.architecture, self.distillation.get()) {
            (StudentArchitecture::Fixed(_), None) => &[],
            (StudentArchitecture::Fixed(_), Some(_)) => PIECE_NAMES,
            (StudentArchitecture::Derived, _) => &[serve::SEARCH, serve::STUDENT],
            (StudentArchitecture::Random(_), _) => &[serve::SEARCH],
        }
    }

    fn learns_from_teachers_teacher(&self) -> bool {
        !matches!(self.architecture, StudentArchitecture::Fixed(_)) && self.distillation.get().is_some()
    }
}

impl StudentParams {
    /// The sizes and the initial weights.
    fn begin(&self, cx: &Context<'_>) -> Result<(StudentSizes, Weights)> {
        let sizes = |architecture| StudentSizes {
            items: cx.split().n_items,
            length: self.training.length.get(),
            channels: self.model.channels.get(),
            cells: self.model.cells.get(),
            network: Network::Fixed(architecture),
        };
        let fresh = |sizes: StudentSizes| {
            sizes.check()?;
            let weights = sizes.initial(|purpose| cx.stream(purpose, 0));
            Ok((sizes, weights))
        };
        let written = match self.architecture {
            StudentArchitecture::Fixed(architecture) => return fresh(sizes(architecture)),
            StudentArchitecture::Derived => None,
            StudentArchitecture::Random(draw) => Some(draw),
        };
        let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "a derived student without a teacher"))?;
        let of_student = teacher.kind == serve::STUDENT;
        let (network, derived) = match of_student {
            true => (teacher.weights.clone(), None),
            false => of_searched(teacher.weights.clone()).map(|(network, _, derived)| (network, Some(derived)))?,
        };
        let theirs = StudentSizes::of(&network)?;
        let architecture = match (&theirs.network, derived, written) {
            (Network::Fixed(architecture), ..) => *architecture,
            (Network::Search(_), Some(derived), None) => derived,
            (Network::Search(space), Some(derived), Some(draw)) => {
                equally_costly(space, &derived, &mut cx.stream(&format!("random-architecture-{draw}"), 0))?
            }
            _ => return Err(Error::new(Kind::Internal, "a super-net without a derived architecture")),
        };
        let ours = sizes(architecture);
        let plain = |sizes: &StudentSizes| [sizes.length, sizes.channels, sizes.cells];
        if plain(&ours) != plain(&theirs) {
            let text =
                |[length, channels, cells]: [usize; 3]| format!("length {length}, {channels} channels, {cells} cells");
            return Err(Error::new(Kind::Input, format!("the student is of another size than `{}`", teacher.trial))
                .expected(text(plain(&theirs)))
                .got(text(plain(&ours))));
        }
        match self.start {
            Start::Fresh => fresh(ours),
            Start::Inherited if of_student => Ok((ours, network)),
            Start::Inherited => Ok((ours, inherit(&network, architecture)?)),
        }
    }
}

/// What the losses must know of a student of these sizes.
fn shape(sizes: &StudentSizes) -> StudentShape {
    let StudentSizes { items, length, channels, cells, .. } = *sizes;
    StudentShape { items, length, layers: cells, width: channels, projected: Projected::Always }
}

/// Refuses what can be told without a teacher.
fn check(task: &Task, device: &Device, training: &PieceTraining, channels: usize) -> Result<()> {
    if !device.is_cpu() {
        return Err(Error::new(Kind::Missing, "students of AdaRec train on the CPU alone")
            .expected("`--device cpu`")
            .hint("their step is written by hand for the CPU; there is none for CUDA yet"));
    }
    let items = task.split().n_items;
    // Table and output layer: weights, gradient, two moments and the selected copy.
    check_fits("the model", [items, 2 * channels + 1], 20).map_err(|error| error.hint("use fewer `channels`"))?;
    check_fits("what a batch computes", [training.batch.get(), training.length.get(), 64, channels], 4)
        .map_err(|error| error.hint("use a smaller `batch`, `length` or fewer `channels`"))
}

/// Tells the record what was found and what it costs.
fn report(cx: &mut Context<'_>, sizes: &StudentSizes, architecture: &Architecture) {
    let parameters = sizes.parameters(architecture);
    let [of_cells, of_output] = sizes.macs(architecture);
    cx.facts.insert("architecture".into(), architecture.to_string().into());
    for (name, value) in [
        ("parameters of tables", parameters.tables),
        ("parameters of cells", parameters.cells),
        ("parameters of the output layer", parameters.output),
        ("multiply-adds of cells", of_cells),
        ("multiply-adds of the output layer", of_output),
        ("labels seen", architecture.labels_seen(sizes.cells, sizes.length) as u64),
    ] {
        cx.facts.insert(name.into(), (value as f64).into());
    }
    let cost = super::relaxation::efficiency_loss(architecture);
    cx.facts.insert("efficiency loss".into(), cost.into());
}

/// The method `adarec-search`.
pub fn build_search(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Search>()?))
}

/// The method `adarec-student`: a student of one architecture, which may be written, searched or random, learns from a teacher
/// or by cross entropy alone.
pub fn build_student(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<StudentParams>()?))
}
