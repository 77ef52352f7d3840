//! Losses and gradients against the reference vectors, formulas and finite differences in f64, and any number of threads.

use harness::rng::Stream;

use super::*;
use crate::golden::{assert_near, bits, case, doubles, floats, ids, same_on_threads};

/// What a call gave.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    losses: OutputLosses,
    x: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    by_row: Vec<f32>,
}

fn call(
    loss: &mut OutputLoss,
    layer: OutputLayer<'_>,
    x: &[f32],
    labels: &[u32],
    weight: f64,
    teacher: Option<&Distillation<'_>>,
) -> Got {
    let nan = |n: usize| vec![f32::NAN; n];
    let (mut of_x, mut weights, mut bias) = (nan(x.len()), nan(layer.weights.len()), nan(layer.bias.len()));
    let onto = OutputGradients { x: &mut of_x, weights: &mut weights, bias: &mut bias };
    let losses = loss.loss(layer, x, labels, weight, teacher, onto);
    Got { losses, x: of_x, weights, bias, by_row: loss.cross_entropies().to_vec() }
}

fn identity(n: usize) -> Vec<f32> {
    (0..n * n).map(|k| if k / n == k % n { 1.0 } else { 0.0 }).collect()
}

/// The vectors give logits: those of x = logit rows and W = the identity. Then ∂L/∂x is that of the logits.
#[test]
fn cross_entropy_and_divergences_agree_with_the_reference() {
    let case_ = case("adarec.json", "masked_cross_entropy");
    let layer = OutputLayer { weights: &identity(5), bias: &[0.0; 5], width: 5 };
    let (logits, labels) = (floats(&case_["inputs"]["logits"]), ids(&case_["inputs"]["labels"]));
    let got = call(&mut OutputLoss::default(), layer, &logits, &labels, 1.0, None);
    assert!((got.losses.cross_entropy - case_["expected"]["loss"].as_f64().unwrap()).abs() < 1e-6);
    let case_ = case("adarec.json", "kl_batchmean");
    let layer = OutputLayer { weights: &identity(4), bias: &[0.0; 4], width: 4 };
    let (student, teacher) = (floats(&case_["inputs"]["student"]), floats(&case_["inputs"]["teacher"]));
    let pieces = 2.0;
    for (direction, value, gradient) in [
        (KlDirection::StudentTeacher, "kl_student_teacher_as_used", "grad_student_of_as_used"),
        (KlDirection::TeacherStudent, "kl_teacher_student", "grad_student_of_teacher_student"),
    ] {
        let weight = 1.0 / KlMean::Pieces.divisor(2, 3);
        let distillation = Distillation { representations: &teacher, layer, direction, weight };
        let got = call(&mut OutputLoss::default(), layer, &student, &[0; 6], 1.0, Some(&distillation));
        let want = case_["expected"][value].as_f64().unwrap();
        assert!((got.losses.divergence / pieces - want).abs() < 1e-6, "{value}: {got:?}");
        assert_near(&got.x, &doubles(&case_["expected"][gradient]), 1e-6, gradient);
    }
    assert_eq!(KlMean::Positions.divisor(2, 3), 6.0);
}

/// A layer, rows and a teacher of these sizes.
struct World {
    classes: usize,
    width: usize,
    teacher_width: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    x: Vec<f32>,
    labels: Vec<u32>,
    teacher_weights: Vec<f32>,
    teacher_bias: Vec<f32>,
    teacher_x: Vec<f32>,
}

impl World {
    fn new(rows: usize, classes: usize, [width, teacher_width]: [usize; 2]) -> Self {
        let mut stream = Stream::new(0, "output-test", "values", (rows * classes) as u64);
        let mut draw = |n: usize, std: f64| stream.normals(n, std);
        let [weights, bias, x] = [(classes * width, 0.7), (classes, 0.5), (rows * width, 1.0)].map(|(n, s)| draw(n, s));
        let [teacher_weights, teacher_bias, teacher_x] =
            [(classes * teacher_width, 0.5), (classes, 0.5), (rows * teacher_width, 1.0)].map(|(n, s)| draw(n, s));
        let labels = (0..rows).map(|_| if stream.below(3) == 0 { 0 } else { stream.below(classes as u32) }).collect();
        Self { classes, width, teacher_width, weights, bias, x, labels, teacher_weights, teacher_bias, teacher_x }
    }

    fn layer(&self) -> OutputLayer<'_> {
        OutputLayer { weights: &self.weights, bias: &self.bias, width: self.width }
    }

    fn distillation(&self, direction: KlDirection, weight: f64) -> Distillation<'_> {
        let layer = OutputLayer { weights: &self.teacher_weights, bias: &self.teacher_bias, width: self.teacher_width };
        Distillation { representations: &self.teacher_x, layer, direction, weight }
    }

    /// The weighted loss in f64, by the letter.
    fn stated(&self, x: &[f64], weights: &[f64], bias: &[f64], weight: f64, teacher: Option<&Distillation<'_>>) -> f64 {
        let log_softmax = |row: &[f64], weights: &[f64], bias: &[f64]| {
            let logits: Vec<f64> = bias
                .iter()
                .zip(weights.chunks_exact(row.len()))
                .map(|(bias, w)| bias + w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>())
                .collect();
            let largest = logits.iter().copied().fold(f64::MIN, f64::max);
            let normaliser = largest + logits.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
            logits.into_iter().map(|z| z - normaliser).collect::<Vec<f64>>()
        };
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let labelled = self.labels.iter().filter(|&&label| label != 0).count() as f64;
        let (of_teacher, of_bias) = (wide(&self.teacher_weights), wide(&self.teacher_bias));
        let mut total = 0.0;
        for ((row, &label), answer) in
            x.chunks_exact(self.width).zip(&self.labels).zip(self.teacher_x.chunks_exact(self.teacher_width))
        {
            let log_p = log_softmax(row, weights, bias);
            if label != 0 {
                total -= weight * log_p[label as usize] / labelled;
            }
            if let Some(teacher) = teacher {
                let log_q = log_softmax(&wide(answer), &of_teacher, &of_bias);
                let kl = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a.exp() * (a - b)).sum::<f64>();
                total += teacher.weight
                    * match teacher.direction {
                        KlDirection::StudentTeacher => kl(&log_p, &log_q),
                        KlDirection::TeacherStudent => kl(&log_q, &log_p),
                    };
            }
        }
        total
    }
}

/// More rows than a strip, more classes than a tile, and neither a multiple.
#[test]
fn gradients_are_those_of_finite_differences() {
    let world = World::new(70, 53, [5, 7]);
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let parts = [wide(&world.x), wide(&world.weights), wide(&world.bias)];
    for direction in [None, Some(KlDirection::StudentTeacher), Some(KlDirection::TeacherStudent)] {
        let distillation = direction.map(|direction| world.distillation(direction, 0.13));
        let teacher = distillation.as_ref();
        let got = call(&mut OutputLoss::default(), world.layer(), &world.x, &world.labels, 0.5, teacher);
        let [x, weights, bias] = &parts;
        let stated = world.stated(x, weights, bias, 0.5, teacher);
        let ours = 0.5 * got.losses.cross_entropy + 0.13 * got.losses.divergence;
        assert!((ours / stated - 1.0).abs() < 1e-6, "{direction:?}: {ours} {stated}");
        for (part, gradient) in [&got.x, &got.weights, &got.bias].into_iter().enumerate() {
            for at in (0..gradient.len()).step_by(if part == 2 { 1 } else { 7 }) {
                let moved = |by: f64| {
                    let mut parts = parts.clone();
                    parts[part][at] += by;
                    let [x, weights, bias] = &parts;
                    world.stated(x, weights, bias, 0.5, teacher)
                };
                let (slope, ours) = ((moved(1e-5) - moved(-1e-5)) / 2e-5, f64::from(gradient[at]));
                assert!((slope - ours).abs() < 2e-6 + 1e-5 * slope.abs(), "{direction:?} {part} {at}: {slope} {ours}");
            }
        }
    }
}

#[test]
fn rows_without_a_label_count_for_the_teacher_alone() {
    let world = World::new(130, 100, [16, 20]);
    let mut loss = OutputLoss::default();
    let got = call(&mut loss, world.layer(), &world.x, &world.labels, 1.0, None);
    let labelled = world.labels.iter().filter(|&&label| label != 0).count();
    let mean = got.by_row.iter().map(|&ce| f64::from(ce)).sum::<f64>() / labelled as f64;
    assert!((mean - got.losses.cross_entropy).abs() < 1e-6);
    for ((&label, &ce), gradient) in world.labels.iter().zip(&got.by_row).zip(got.x.chunks_exact(16)) {
        assert_eq!(label == 0, ce == 0.0);
        assert_eq!(label == 0, gradient.iter().all(|g| *g == 0.0));
    }
    let distillation = world.distillation(KlDirection::StudentTeacher, 0.1);
    let both = call(&mut loss, world.layer(), &world.x, &world.labels, 1.0, Some(&distillation));
    assert!(both.x.chunks_exact(16).all(|gradient| gradient.iter().any(|g| *g != 0.0)));
    assert!((both.losses.cross_entropy - got.losses.cross_entropy).abs() < 1e-6, "one cross entropy either way");
    let none = call(&mut loss, world.layer(), &world.x, &vec![0; 130], 1.0, None);
    assert!(none.losses.cross_entropy == 0.0 && none.x.iter().chain(&none.weights).all(|g| *g == 0.0));
}

/// A teacher that is the student has no divergence, and nothing to teach.
#[test]
fn a_student_that_is_its_teacher_has_no_divergence() {
    let world = World::new(66, 60, [8, 8]);
    let itself = |direction| Distillation { representations: &world.x, layer: world.layer(), direction, weight: 1.0 };
    for direction in [KlDirection::StudentTeacher, KlDirection::TeacherStudent] {
        let got = call(&mut OutputLoss::default(), world.layer(), &world.x, &[0; 66], 1.0, Some(&itself(direction)));
        assert!(got.losses.divergence.abs() < 1e-4, "{}", got.losses.divergence);
        assert!(got.x.iter().chain(&got.weights).all(|g| g.abs() < 1e-5));
    }
}

#[test]
fn threads_and_what_was_before_change_no_bit() {
    let (world, other) = (World::new(300, 150, [16, 32]), World::new(70, 400, [24, 16]));
    for direction in [None, Some(KlDirection::StudentTeacher), Some(KlDirection::TeacherStudent)] {
        let run = |before: bool| {
            same_on_threads(|| {
                let mut loss = OutputLoss::default();
                if before {
                    let distillation = other.distillation(KlDirection::TeacherStudent, 1.0);
                    call(&mut loss, other.layer(), &other.x, &other.labels, 1.0, Some(&distillation));
                }
                let distillation = direction.map(|direction| world.distillation(direction, 0.2));
                let got = call(&mut loss, world.layer(), &world.x, &world.labels, 1.0, distillation.as_ref());
                let losses = [got.losses.cross_entropy, got.losses.divergence].map(f64::to_bits);
                (losses, [&got.x, &got.weights, &got.bias, &got.by_row].map(|values| bits(values)))
            })
        };
        assert!(run(false) == run(true), "{direction:?}");
    }
    assert_eq!(world.classes, 150);
}
