//! Experts and gate of one side, and DE's loss over a set of entities of each side.

use harness::nn::{DenseParameter, add_product, add_transposed_product};
use harness::optim::Adam;
use harness::simd;
use harness::weights::Parameter;
use rayon::prelude::*;

use super::expert_selection::ExpertSelection;
use super::experts::{Expert, ExpertBackward, ExpertBuffers, Served};
use super::layout::ExpertLayout;
use super::options::Distance;

/// Entities per task of the forward pass: an expert is read once for each such block.
pub const BLOCK: usize = 192;

/// The modules of a side, and the teacher's representations that they learn from.
pub struct Modules {
    pub layout: ExpertLayout,
    pub experts: DenseParameter,
    pub gate: DenseParameter,
    /// `[entities, teacher_columns]`: the teacher's representations, each with a 1 behind it.
    teacher: Vec<f32>,
}

/// Entities of a side, as a batch names them.
pub struct Entities<'a> {
    pub modules: &'a mut Modules,
    pub ids: &'a [u32],
    /// The student's representations, `[ids, d]`.
    pub students: &'a [f32],
    /// Gumbel noise, `[ids, M]`; none with one expert.
    pub noise: &'a [f64],
    /// Weight of their loss.
    pub weight: f64,
}

/// The value of the loss of [`Entities`].
pub struct Outcome {
    /// Weighted.
    pub loss: f64,
    /// With respect to the students, `[ids, d]`.
    pub gradient: Vec<f32>,
    /// Pairs of an entity and an expert that serves it.
    pub served: usize,
}

impl Modules {
    /// `teacher`: `[entities, D]`; `name` begins the names of what is saved.
    pub fn new(name: &str, layout: ExpertLayout, teacher: &[f32], experts: Vec<f32>, gate: Vec<f32>) -> Self {
        let mut rows = Vec::with_capacity(teacher.len() / layout.teacher * layout.teacher_columns());
        for row in teacher.chunks_exact(layout.teacher) {
            rows.extend_from_slice(row);
            rows.push(1.0);
            rows.resize(rows.len().next_multiple_of(layout.teacher_columns()), 0.0);
        }
        let parameter = |of: &str, values: Vec<f32>, columns: usize| {
            let shape = vec![values.len() / columns, columns];
            DenseParameter::new(Parameter { name: format!("{name}.{of}"), shape, values })
        };
        Self {
            layout,
            experts: parameter("experts", experts, layout.expert()),
            gate: parameter("gate", gate, layout.gate_columns()),
            teacher: rows,
        }
    }

    /// Moves experts and gate by one step of Adam.
    pub fn step(&mut self, adam: &Adam) {
        self.experts.step(adam);
        self.gate.step(adam);
    }
}

/// A block of entities after its forward pass.
struct EntityBlock {
    /// Position of the first.
    start: usize,
    /// `[rows, teacher_columns]`
    teachers: Vec<f32>,
    /// ∂L/∂t̂, `[rows, teacher_columns]`
    gradient: Vec<f32>,
    /// Probabilities of the gate, `[rows, M]` …
    gate: Vec<f64>,
    /// … and weights of the experts.
    weights: Vec<f64>,
    loss: f64,
}

/// Losses of all `sets` and gradients of all that they depend on: those of the modules are left in
/// them. One parallel pass over blocks of entities, one over experts, one over blocks again; every sum
/// is made by one task, or in the order of tasks.
pub fn forward_backward(sets: &mut [Entities<'_>], selection: &ExpertSelection, distance: Distance) -> Vec<Outcome> {
    let students: Vec<Vec<f32>> = sets.iter().map(with_ones).collect();
    // Each expert's task writes its part of the gradient while all tasks read the weights.
    let mut gradients: Vec<Vec<f32>> =
        sets.iter_mut().map(|entities| std::mem::take(&mut entities.modules.experts.gradient)).collect();
    let shared: &[Entities<'_>] = sets;
    let starts = |set: usize| (0..shared[set].ids.len()).step_by(BLOCK).map(move |start| (set, start));
    let blocks = of_sets((0..shared.len()).flat_map(starts).collect(), shared.len(), |scratch, set, start| {
        forward(&shared[set], start, &students[set], selection, distance, scratch)
    });
    let parts = gradients.iter_mut().enumerate().flat_map(|(set, gradient)| {
        let parts = gradient.chunks_exact_mut(shared[set].modules.layout.expert());
        parts.enumerate().map(move |part| (set, part))
    });
    let experts = of_sets(parts.collect(), shared.len(), |scratch, set, (m, gradient)| {
        of_expert(shared[set].modules, m, &blocks[set], &students[set], gradient, scratch)
    });
    let all = blocks.iter().enumerate().flat_map(|(set, blocks)| blocks.iter().map(move |block| (set, block)));
    let ends = of_sets(all.collect(), shared.len(), |_, set, block| {
        of_block(&shared[set].modules.layout, block, &experts[set], selection)
    });
    let mut outcomes = Vec::with_capacity(sets.len());
    for (set, ((entities, experts_gradient), ends)) in sets.iter_mut().zip(gradients).zip(ends).enumerate() {
        entities.modules.experts.gradient = experts_gradient;
        let to_gate = &mut entities.modules.gate.gradient;
        to_gate.fill(0.0);
        let mut gradient = Vec::with_capacity(entities.students.len());
        for (of_students, of_gate) in ends {
            gradient.extend(of_students);
            simd::add_scaled(to_gate, 1.0, &of_gate);
        }
        let loss = blocks[set].iter().map(|block| block.loss).sum();
        let served = experts[set].iter().map(|expert| expert.rows.len()).sum();
        outcomes.push(Outcome { loss, gradient, served });
    }
    outcomes
}

/// Does the tasks of all sets in parallel; what comes of them set by set, in their order.
fn of_sets<T: Send, R: Send>(
    tasks: Vec<(usize, T)>,
    sets: usize,
    of_task: impl Fn(&mut ExpertBuffers, usize, T) -> R + Sync,
) -> Vec<Vec<R>> {
    let of_task = |scratch: &mut ExpertBuffers, (set, task): (usize, T)| (set, of_task(scratch, set, task));
    let done: Vec<(usize, R)> = tasks.into_par_iter().map_init(ExpertBuffers::default, of_task).collect();
    let mut of_sets: Vec<Vec<R>> = (0..sets).map(|_| Vec::new()).collect();
    done.into_iter().for_each(|(set, result)| of_sets[set].push(result));
    of_sets
}

/// The students' rows, each with a 1 behind it.
fn with_ones(entities: &Entities<'_>) -> Vec<f32> {
    assert_eq!(entities.students.len(), entities.ids.len() * entities.modules.layout.student, "a row for each entity");
    let rows = entities.students.chunks_exact(entities.modules.layout.student);
    rows.flat_map(|row| row.iter().copied().chain([1.0])).collect()
}

fn forward(
    entities: &Entities<'_>,
    start: usize,
    students: &[f32],
    selection: &ExpertSelection,
    distance: Distance,
    scratch: &mut ExpertBuffers,
) -> EntityBlock {
    let Entities { modules, ids, noise, weight, .. } = entities;
    let layout = modules.layout;
    let (d, columns, experts) = (layout.teacher, layout.teacher_columns(), layout.experts);
    let ids = &ids[start..(start + BLOCK).min(ids.len())];
    let rows = ids.len();
    let mut teachers = Vec::with_capacity(rows * columns);
    ids.iter().for_each(|&id| teachers.extend_from_slice(&modules.teacher[id as usize * columns..][..columns]));
    let (mut gate, mut weights) = (vec![1.0; rows * experts], vec![1.0; rows * experts]);
    if experts > 1 {
        let of_gate = layout.gate_columns();
        let mut logits = vec![0.0; rows * of_gate];
        add_product(&mut logits, of_gate, &teachers, columns, &modules.gate.weights);
        let noise = noise[start * experts..].chunks_exact(experts);
        let out = gate.chunks_exact_mut(experts).zip(weights.chunks_exact_mut(experts));
        for ((logits, noise), (gate, weights)) in logits.chunks_exact(of_gate).zip(noise).zip(out) {
            selection.forward(logits, noise, gate, weights);
        }
    }
    let students = &students[start * layout.student_columns()..][..rows * layout.student_columns()];
    let mut sums = vec![0.0; rows * columns];
    for m in 0..experts {
        let (rows, weights) = served(&weights, experts, m);
        let expert = Expert::of(layout, &modules.experts.weights, m);
        expert.forward(&Served { rows: &rows, weights: &weights }, students, &mut sums, scratch);
    }
    let mut loss = 0.0;
    let mut residual = vec![0.0; d];
    for (teacher, sum) in teachers.chunks_exact(columns).zip(sums.chunks_exact_mut(columns)) {
        simd::subtract(&mut residual, &sum[..d], &teacher[..d]);
        let square = f64::from(simd::dot(&residual, &residual));
        let factor = match distance {
            Distance::Squared => {
                loss += weight * square;
                2.0 * weight
            }
            Distance::Norm => {
                loss += weight * square.sqrt();
                if square > 0.0 { weight / square.sqrt() } else { 0.0 }
            }
        };
        sum.fill(0.0);
        simd::add_scaled(&mut sum[..d], factor as f32, &residual);
    }
    EntityBlock { start, teachers, gradient: sums, gate, weights, loss }
}

/// The rows of a block that expert `m` serves, and its weights for them.
fn served(weights: &[f64], experts: usize, m: usize) -> (Vec<u32>, Vec<f32>) {
    let column = weights.iter().skip(m).step_by(experts).enumerate();
    column.filter(|(_, v)| **v != 0.0).map(|(row, &v)| (row as u32, v as f32)).unzip()
}

fn of_expert(
    modules: &Modules,
    m: usize,
    blocks: &[EntityBlock],
    students: &[f32],
    gradient: &mut [f32],
    scratch: &mut ExpertBuffers,
) -> ExpertBackward {
    let (mut rows, mut weights) = (Vec::new(), Vec::new());
    for block in blocks {
        let (of_block, v) = served(&block.weights, modules.layout.experts, m);
        rows.extend(of_block.into_iter().map(|row| row + block.start as u32));
        weights.extend(v);
    }
    let columns = modules.layout.teacher_columns();
    let outputs = |row: u32| {
        let (block, row) = (row as usize / BLOCK, row as usize % BLOCK);
        &blocks[block].gradient[row * columns..][..columns]
    };
    let expert = Expert::of(modules.layout, &modules.experts.weights, m);
    expert.backward(rows, &weights, students, outputs, gradient, scratch)
}

/// A block's gradients of the students, `[rows, d]`, and its part of the gate's.
fn of_block(
    layout: &ExpertLayout,
    block: &EntityBlock,
    backward: &[ExpertBackward],
    selection: &ExpertSelection,
) -> (Vec<f32>, Vec<f32>) {
    let (d, columns, experts) = (layout.student, layout.gradient_columns(), layout.experts);
    let rows = block.weights.len() / experts;
    let mut students = vec![0.0; rows * columns];
    let mut shares = vec![0.0; rows * experts];
    for (m, expert) in backward.iter().enumerate() {
        let first = expert.rows.partition_point(|&row| (row as usize) < block.start);
        let of_block = expert.rows[first..].iter().take_while(|&&row| (row as usize) < block.start + rows);
        for (k, &row) in (first..).zip(of_block) {
            let row = row as usize - block.start;
            shares[row * experts + m] = f64::from(expert.shares[k]);
            simd::add_scaled(
                &mut students[row * columns..][..columns],
                1.0,
                &expert.students[k * columns..][..columns],
            );
        }
    }
    let mut gate = vec![0.0; layout.gate()];
    if experts > 1 {
        let of_gate = layout.gate_columns();
        let mut logits = vec![0.0; rows * of_gate];
        for (row, logits) in logits.chunks_exact_mut(of_gate).enumerate() {
            let of_row = row * experts..(row + 1) * experts;
            let (gate, weights) = (&block.gate[of_row.clone()], &block.weights[of_row.clone()]);
            selection.backward(gate, weights, &shares[of_row], logits);
        }
        add_transposed_product(&mut gate, of_gate, &block.teachers, layout.teacher_columns(), &logits);
    }
    (students.chunks_exact(columns).flat_map(|row| &row[..d]).copied().collect(), gate)
}
