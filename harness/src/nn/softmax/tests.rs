//! The fused loss against the reference vectors, the formulas in f64, and any number of threads.

use crate::nn::padded;
use crate::rng::Stream;

use super::*;
use crate::golden::{case, doubles, floats, ids, rows};
use crate::kit::{bits, same_on_threads};

fn values(purpose: &str, n: usize, std: f64) -> Vec<f32> {
    Stream::new(0, "softmax-test", purpose, n as u64).normals(n, std)
}

/// Rows of `dim`, with zeros up to the stride.
fn padded_rows(x: &[f32], dim: usize) -> Vec<f32> {
    x.chunks_exact(dim).flat_map(|row| row.iter().copied().chain(vec![0.0; padded(dim) - dim])).collect()
}

fn near(got: impl IntoIterator<Item = f32>, want: impl IntoIterator<Item = f64>, tolerance: f64) {
    let (got, want): (Vec<f32>, Vec<f64>) = (got.into_iter().collect(), want.into_iter().collect());
    assert_eq!(got.len(), want.len());
    for (k, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((f64::from(*got) - want).abs() <= tolerance * (1.0 + want.abs()), "at {k}: {got} {want}");
    }
}

/// The vector gives logits: those of x = logit rows and E = the identity. Then ∂L/∂x is that of the logits.
#[test]
fn losses_and_gradients_of_ader_agree_with_the_reference() {
    let case = case("ader.json", "ader_loss");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let identity = |n: usize| -> Vec<f32> { (0..n * n).map(|k| if k / n == k % n { 1.0 } else { 0.0 }).collect() };
    let (new, weight) = (identity(5), inputs["lam"].as_f64().unwrap());
    let table = ItemTable { rows: &new, dim: 5 };
    let train = padded_rows(&floats(&inputs["train_logits"]), 5);
    let exemplars = padded_rows(&floats(&inputs["exemplar_new_logits"]), 5);
    // The teacher has the student's size and knows three items.
    let old = &new[..15];
    let answers: Vec<f32> = rows(&inputs["exemplar_old_logits"])
        .iter()
        .flat_map(|row| [row[0], row[1], row[2], 0.0, 0.0])
        .map(|v| v as f32)
        .collect();
    let answers = padded_rows(&answers, 5);
    let mut softmax = OutputSoftmax::default();
    let old = ItemTable { rows: old, dim: 5 };
    let normalisers = softmax.normalisers(old, &answers);
    let teacher = Target::Teacher(TeacherAnswers { table: old, representations: &answers, normalisers: &normalisers });
    let mut loss = |rows: &[f32], n_items: usize, target, weight| {
        let (mut x, mut of_table) = (vec![0.0; rows.len()], vec![0.0; 25]);
        let onto = Onto { x: &mut x, table: &mut of_table };
        let loss = softmax.loss(ItemTable { rows: &table.rows[..5 * n_items], dim: 5 }, rows, target, weight, onto);
        (loss, x)
    };
    let items = |name: &str| ids(&inputs[name]).iter().map(|id| id - 1).collect::<Vec<_>>();
    let (train_items, exemplar_items) = (items("train_labels"), items("exemplar_labels"));
    let (ce, _) = loss(&train, 5, Target::Items(&train_items), 1.0);
    let (kd, gradient) = loss(&exemplars, 3, teacher, weight);
    let (kd_of_all, _) = loss(&exemplars, 5, teacher, weight);
    let (er, _) = loss(&exemplars, 5, Target::Items(&exemplar_items), weight);
    let close = |got: f64, name: &str| {
        let want = expected[name].as_f64().unwrap();
        assert!((got - want).abs() < 1e-6, "{name}: {got} {want}");
    };
    close(ce, "ce_train");
    close(kd, "kd_as_coded");
    close(ce + weight * kd, "total_ader");
    close(kd_of_all, "kd_if_new_softmax_over_all_items");
    close(er, "ce_exemplar_onehot");
    close(ce + weight * er, "total_er");
    let got = gradient.chunks_exact(padded(5)).flat_map(|row| row[..5].to_vec());
    near(got, doubles(&expected["grad_total_wrt_exemplar_new_logits"]), 1e-6);
}

/// Sizes that are multiples of nothing, more than one group of items and more than one chunk of rows.
const DIM: usize = 7;
const ITEMS: usize = 2 * layout::GROUP + 131;
const OLD: usize = layout::GROUP + 75;
const ROWS: usize = 300;

struct World {
    table: Vec<f32>,
    x: Vec<f32>,
    items: Vec<u32>,
    old_table: Vec<f32>,
    answers: Vec<f32>,
}

fn world() -> World {
    let mut stream = Stream::new(0, "softmax-test", "items", 0);
    World {
        table: values("table", ITEMS * DIM, 0.7),
        x: padded_rows(&values("x", ROWS * DIM, 1.0), DIM),
        items: (0..ROWS).map(|_| stream.below(ITEMS as u32)).collect(),
        old_table: values("old", OLD * DIM, 0.7),
        answers: padded_rows(&values("answers", ROWS * DIM, 1.0), DIM),
    }
}

/// Row by row in f64: losses, p − target over `n` items.
fn stated(x: &[f32], table: &[f32], n: usize, target: impl Fn(usize) -> Vec<f64>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let softmax = |x: &[f32], table: &[f32], n: usize| log_softmax(x, table, n);
    x.chunks_exact(padded(DIM))
        .enumerate()
        .map(|(row, x)| {
            let log_p = softmax(x, table, n);
            let mut target = target(row);
            target.resize(n, 0.0);
            let loss = -log_p.iter().zip(&target).map(|(log_p, t)| log_p * t).sum::<f64>();
            (loss, log_p.iter().zip(&target).map(|(log_p, t)| log_p.exp() - t).collect())
        })
        .unzip()
}

fn log_softmax(x: &[f32], table: &[f32], n: usize) -> Vec<f64> {
    let logit = |item: usize| -> f64 { (0..DIM).map(|k| f64::from(x[k]) * f64::from(table[item * DIM + k])).sum() };
    let logits: Vec<f64> = (0..n).map(logit).collect();
    let normaliser = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
    logits.iter().map(|l| l - normaliser).collect()
}

fn run(world: &World, target: Target<'_>, n: usize, sum: Sum) -> (f64, Vec<f32>, Vec<f32>) {
    // What was there stays.
    let (mut x, mut table) = (vec![f32::NAN; world.x.len()], vec![0.5; ITEMS * DIM]);
    let mut softmax = OutputSoftmax::default();
    let entered = ItemTable { rows: &world.table[..n * DIM], dim: DIM };
    let loss = match (sum, target) {
        (Sum::Squares, Target::Items(items)) => {
            softmax.squares(entered, &world.x, items, Onto { x: &mut x, table: &mut table });
            0.0
        }
        _ => softmax.loss(entered, &world.x, target, 0.75, Onto { x: &mut x, table: &mut table }),
    };
    (loss, x, table)
}

fn check(world: &World, target: Target<'_>, n: usize, sum: Sum, losses: &[f64], slopes: &[Vec<f64>]) {
    let (loss, x, table) = run(world, target, n, sum);
    let scale = if sum == Sum::Squares { 1.0 } else { 0.75 / ROWS as f64 };
    if sum == Sum::Gradients {
        let want = losses.iter().sum::<f64>() / ROWS as f64;
        assert!((loss - want).abs() < 2e-6 * want, "{loss} {want}");
    }
    for (row, (x, slopes)) in x.chunks_exact(padded(DIM)).zip(slopes).enumerate() {
        let want = (0..DIM).map(|k| {
            scale * slopes.iter().enumerate().map(|(i, s)| s * f64::from(world.table[i * DIM + k])).sum::<f64>()
        });
        near(x[..DIM].iter().copied(), want, 3e-6);
        assert!(x[DIM..].iter().all(|v| *v == 0.0), "row {row}: the padding is zeros");
    }
    for item in (0..ITEMS).step_by(17).chain([ITEMS - 1]) {
        let want = (0..DIM).map(|k| {
            let term = |(row, slopes): (usize, &Vec<f64>)| {
                let x = f64::from(world.x[row * padded(DIM) + k]);
                let gradient = slopes.get(item).copied().unwrap_or(0.0) * x;
                if sum == Sum::Squares { gradient * gradient } else { scale * gradient }
            };
            0.5 + slopes.iter().enumerate().map(term).sum::<f64>()
        });
        near(table[item * DIM..][..DIM].iter().copied(), want, 1e-6);
    }
}

#[test]
fn many_groups_and_chunks_agree_with_the_formulas_in_f64() {
    let world = world();
    let one_hot = |row: usize| {
        let mut target = vec![0.0; ITEMS];
        target[world.items[row] as usize] = 1.0;
        target
    };
    let (losses, slopes) = stated(&world.x, &world.table, ITEMS, one_hot);
    check(&world, Target::Items(&world.items), ITEMS, Sum::Gradients, &losses, &slopes);
    check(&world, Target::Items(&world.items), ITEMS, Sum::Squares, &losses, &slopes);
    let mut softmax = OutputSoftmax::default();
    let table = ItemTable { rows: &world.table, dim: DIM };
    near(softmax.cross_entropies(table, &world.x, &world.items).iter().map(|l| *l as f32), losses, 1e-6);
    let old = ItemTable { rows: &world.old_table, dim: DIM };
    let normalisers = softmax.normalisers(old, &world.answers);
    let teacher =
        Target::Teacher(TeacherAnswers { table: old, representations: &world.answers, normalisers: &normalisers });
    let answer = |row: usize| -> Vec<f64> {
        let x = &world.answers[row * padded(DIM)..][..DIM];
        log_softmax(x, &world.old_table, OLD).iter().map(|log_p| log_p.exp()).collect()
    };
    for n in [OLD, ITEMS] {
        let (losses, slopes) = stated(&world.x, &world.table, n, answer);
        check(&world, teacher, n, Sum::Gradients, &losses, &slopes);
    }
}

#[test]
fn threads_change_no_bit() {
    let world = world();
    let old = ItemTable { rows: &world.old_table, dim: DIM };
    same_on_threads(|| {
        let normalisers = OutputSoftmax::default().normalisers(old, &world.answers);
        let teacher = TeacherAnswers { table: old, representations: &world.answers, normalisers: &normalisers };
        [Target::Items(&world.items), Target::Teacher(teacher)].map(|target| {
            let (loss, x, table) = run(&world, target, ITEMS, Sum::Gradients);
            (loss.to_bits(), [x, table].map(|values| bits(&values)))
        })
    });
}

/// A logit far above the others, and large ones: no exponential overflows.
#[test]
fn large_logits_stay_finite() {
    let table = [100.0, -100.0, 99.0, 0.0];
    let x = padded_rows(&[2.0, -2.0], 1);
    let (mut of_x, mut of_table) = (vec![0.0; x.len()], [0.0; 4]);
    let onto = Onto { x: &mut of_x, table: &mut of_table };
    let loss = OutputSoftmax::default().loss(ItemTable { rows: &table, dim: 1 }, &x, Target::Items(&[0, 0]), 1.0, onto);
    // Row 0: ln(1 + e^-2); row 1: −(−200) + 200.
    assert!((loss - ((-2f64).exp().ln_1p() + 400.0) / 2.0).abs() < 1e-4, "{loss}");
    assert!(of_x.iter().chain(&of_table).all(|v| v.is_finite()));
    // What is not a number shows in the loss.
    let (mut of_x, mut of_table) = (vec![0.0; x.len()], [0.0; 4]);
    let onto = Onto { x: &mut of_x, table: &mut of_table };
    let table = [f32::NAN, 1.0, 1.0, 0.0];
    let loss = OutputSoftmax::default().loss(ItemTable { rows: &table, dim: 1 }, &x, Target::Items(&[1, 1]), 1.0, onto);
    assert!(loss.is_nan());
}
