//! DE, distillation experts (Kang et al., CIKM 2020, section 3.1; SeongKu-Kang/DE-RRD_CIKM20).
//!
//! The student's representation s of an entity must tell the teacher's representation t of it: each of M
//! experts, small networks, reconstructs t from s, and a gate on t with Gumbel noise at a falling
//! temperature selects among them, so that an expert comes to specialise in entities that belong together.
//! Users and items have modules of their own. To the base loss of a batch comes
//!
//! ```text
//! λ · ( DE(distinct users) + ½ · [ DE(distinct positives) + DE(distinct negatives) ] )
//! DE(X) = Σ_{x ∈ X} ‖t_x − Σ_m v_xm E_m(s_x)‖²
//! ```
//!
//! with fresh noise for each entity and set; an item that is both positive and negative counts in both.
//! Experts and gates are trained by the student's Adam with the same decay, and are not part of the
//! model that is served.
//!
//! All of it runs on the CPU, whatever the student's device: representations and their gradients, some
//! thousand rows, go through the host.

mod expert_selection;
mod experts;
mod layout;
mod modules;
mod options;

use harness::error::Result;
use harness::meter::check_fits;
use harness::nn::Trainable;
use harness::optim::Adam;
use harness::rng::{Stream, gumbel};
use harness::train::Context;
use harness::weights::State;
use rayon::prelude::*;

use self::expert_selection::ExpertSelection;
use self::layout::ExpertLayout;
use self::modules::{BLOCK, Entities, Modules, forward_backward};
pub use self::options::{DeOptions, Distance};
use crate::models::{Batch, Recommender, Side, TeacherModel, Term};

/// The term L_DE of a student's loss: the experts that reconstruct the teacher's representations, and their gates.
pub struct De {
    options: DeOptions,
    /// Modules of users and of items.
    sides: [Modules; 2],
    selection: ExpertSelection,
    /// The epoch's noise.
    gumbel: Stream,
    /// Multiplications and additions of the epochs so far.
    work: u64,
}

impl De {
    /// Fresh experts for a student whose representations have `width` numbers.
    ///
    /// # Errors
    /// Errors of the teacher; if the modules do not fit into memory.
    pub fn new(cx: &Context<'_>, teacher: &TeacherModel<'_>, width: usize, options: DeOptions) -> Result<Self> {
        let representations = [teacher.representations(Side::User)?, teacher.representations(Side::Item)?];
        // Of both sides: weights, gradient and two moments, 4 bytes each.
        let layout = ExpertLayout::new(width, representations[0].0, options.experts.get());
        check_fits("what DE's experts need", [2, layout.experts, layout.expert()], 16)
            .map_err(|error| error.hint("use fewer `experts`"))?;
        Ok(Self::of_representations(representations, width, options, |purpose, epoch| cx.stream(purpose, epoch)))
    }

    /// The same from the teacher's representations of users and of items, each with its width, and the
    /// run's streams.
    pub fn of_representations(
        teachers: [(usize, Vec<f32>); 2],
        width: usize,
        options: DeOptions,
        stream: impl Fn(&str, usize) -> Stream,
    ) -> Self {
        let side = |name: &str, (of_teacher, teacher): &(usize, Vec<f32>)| {
            let layout = ExpertLayout::new(width, *of_teacher, options.experts.get());
            let experts = layout.draw_experts(&mut stream(&format!("init.de.{name}.experts"), 0));
            let gate = layout.draw_gate(&mut stream(&format!("init.de.{name}.gate"), 0));
            Modules::new(&format!("de.{name}"), layout, teacher, experts, gate)
        };
        let sides = [side("user", &teachers[0]), side("item", &teachers[1])];
        let selection = ExpertSelection::new(options.temperature(0), options.gate_epsilon.get());
        Self { options, sides, selection, gumbel: stream(NOISE, 0), work: 0 }
    }

    /// Begins an epoch, whose noise comes from `gumbel`.
    pub fn begin(&mut self, epoch: usize, gumbel: Stream) {
        self.selection = ExpertSelection::new(self.options.temperature(epoch), self.options.gate_epsilon.get());
        self.gumbel = gumbel;
    }

    /// Floating-point operations of the experts' layers so far, forward and backward, an addition and a
    /// multiplication counting as two: 6 for each weight and each entity that its expert serves.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Noise for `n` entities of a side, `[n, M]`, a stream of its own for each block of them.
    fn noise(&mut self, n: usize) -> Vec<f64> {
        let experts = self.options.experts.get();
        if experts == 1 {
            return Vec::new();
        }
        let mut noise = vec![0.0; n * experts];
        let blocks: Vec<(&mut [f64], Stream)> =
            noise.chunks_mut(BLOCK * experts).map(|block| (block, self.gumbel.fork())).collect();
        blocks.into_par_iter().for_each(|(block, mut stream)| gumbel::draw(&mut stream, block));
        noise
    }
}

/// Weights of the losses of users and of items: λ, and half of it for each of the two sets of items.
fn weights(lambda: f64) -> [f64; 2] {
    [lambda, lambda / 2.0]
}

/// The stream of the noise of an epoch.
const NOISE: &str = "de.gumbel";

impl Term for De {
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize, _: &mut dyn Recommender) -> Result<()> {
        self.begin(epoch, cx.stream(NOISE, epoch));
        Ok(())
    }

    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64> {
        // Both sets of items in one: an item of both is there twice, with noise of its own each time.
        let items = [batch.positives, batch.negatives].concat();
        let sides = [(Side::User, batch.users), (Side::Item, &items[..])];
        let mut students = Vec::with_capacity(2);
        for (side, ids) in sides {
            students.push((student.representations(side, ids)?, self.noise(ids.len())));
        }
        let mut sets: Vec<Entities<'_>> = self
            .sides
            .iter_mut()
            .zip(sides)
            .zip(&students)
            .zip(weights(self.options.lambda.get()))
            .map(|(((modules, (_, ids)), (students, noise)), weight)| Entities {
                modules,
                ids,
                students,
                noise,
                weight,
            })
            .collect();
        let outcomes = forward_backward(&mut sets, &self.selection, self.options.distance);
        let mut loss = 0.0;
        for (((side, ids), outcome), modules) in sides.into_iter().zip(outcomes).zip(&self.sides) {
            loss += outcome.loss;
            self.work += 6 * (outcome.served * modules.layout.weights_of_expert()) as u64;
            student.add_representations(side, ids, outcome.gradient)?;
        }
        Ok(loss)
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        self.sides.iter_mut().for_each(|modules| modules.step(adam));
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        let tensors = self.sides.iter().flat_map(|modules| [&modules.experts, &modules.gate]);
        tensors.into_iter().try_for_each(|tensor| tensor.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>, _: &mut dyn Recommender) -> Result<()> {
        for modules in &mut self.sides {
            modules.experts.restore(state)?;
            modules.gate.restore(state)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
