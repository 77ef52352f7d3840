use harness::rng::Stream;

use super::*;
use crate::golden::{assert_near, case, doubles, floats};
use crate::kit::{bits, parse, same_on_threads};

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "hidden-loss", purpose, 0)
}

const CODED: HiddenOptions = HiddenOptions {
    map: LayerMap::Emd,
    teacher_update: TeacherUpdate::Opposite,
    direction: KlDirection::StudentTeacher,
    mean: KlMean::Pieces,
};

/// One layer each, whose projection is the identity.
fn identity(options: HiddenOptions, width: usize) -> HiddenLoss {
    HiddenLoss::new(options, [1, 1], Projection::identity(width)).unwrap()
}

fn new(options: HiddenOptions, layers: [usize; 2], channels: usize, width: usize) -> Result<HiddenLoss> {
    HiddenLoss::new(options, layers, Projection::new("project-hidden", channels, width, stream)?)
}

fn log_of(x: &[f32], width: usize) -> Vec<f32> {
    let mut log = vec![0.0; x.len()];
    log_softmax(x, width, &mut log);
    log
}

#[test]
fn divergences_and_their_gradients_are_those_of_the_vector() {
    let case = case("adarec.json", "kl_batchmean");
    let (student, teacher) = (floats(&case["inputs"]["student"]), floats(&case["inputs"]["teacher"]));
    let (expected, log_teacher) = (&case["expected"], log_of(&teacher, 4));
    let [as_used, other] =
        ["kl_student_teacher_as_used", "kl_teacher_student"].map(|key| expected[key].as_f64().unwrap());
    for (direction, want, opposite, gradient) in [
        (KlDirection::StudentTeacher, as_used, other, "grad_student_of_as_used"),
        (KlDirection::TeacherStudent, other, as_used, "grad_student_of_teacher_student"),
    ] {
        for (mean, divisor) in [(KlMean::Pieces, 1.0), (KlMean::Positions, 3.0)] {
            let mut loss = identity(HiddenOptions { direction, mean, ..CODED }, 4);
            let mut gradients = vec![Vec::new()];
            let step = loss.step(&[&student], &[&log_teacher], 2, 1.0, &mut gradients).unwrap();
            assert_near(&[step.loss, step.distances[0]], &[want / divisor; 2], 1e-6, "loss");
            assert_near(&step.opposite, &[opposite / divisor], 1e-6, "opposite");
            let want: Vec<f64> = doubles(&expected[gradient]).into_iter().map(|g| g / divisor).collect();
            assert_near(&gradients[0], &want, 1e-6, gradient);
        }
    }
}

/// D, D′ in f64 of projected features `[layers, rows, width]`.
fn stated_distances(student: &[f64], teacher: &[f32], shape: [usize; 4], divisor: f64) -> [Vec<f64>; 2] {
    let [n, m, rows, width] = shape;
    let log = |row: &[f64]| {
        let largest = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.iter().map(|x| x - largest - sum.ln()).collect::<Vec<f64>>()
    };
    let teacher: Vec<f64> = teacher.iter().map(|v| f64::from(*v)).collect();
    let [p, q] = [student, &teacher].map(|all| all.chunks_exact(width).flat_map(log).collect::<Vec<f64>>());
    let mut both = [vec![0.0; n * m], vec![0.0; n * m]];
    for i in 0..n {
        for j in 0..m {
            for k in 0..rows * width {
                let (p, q) = (p[i * rows * width + k], q[j * rows * width + k]);
                both[0][i * m + j] += p.exp() * (p - q) / divisor;
                both[1][i * m + j] += q.exp() * (q - p) / divisor;
            }
        }
    }
    both
}

/// Central differences in f64, the flow held: widths that fill no register, several blocks of rows.
#[test]
fn gradients_are_those_of_finite_differences() {
    let (layers, rows, channels, width) = ([2, 3], 130, 3, 5);
    let features: Vec<Vec<f32>> =
        (0..2).map(|k| stream(&format!("x{k}")).normals(rows * channels, 1.0 + k as f64)).collect();
    let teacher = stream("t").normals(3 * rows * width, 1.0);
    let log_teacher = log_of(&teacher, width);
    let teacher_layers: Vec<&[f32]> = log_teacher.chunks_exact(rows * width).collect();
    let cells: Vec<&[f32]> = features.iter().map(|x| &x[..]).collect();
    for direction in [KlDirection::StudentTeacher, KlDirection::TeacherStudent] {
        let options = HiddenOptions { direction, ..CODED };
        let mut loss = new(options, layers, channels, width).unwrap();
        let mut gradients = vec![Vec::new(); 2];
        let step = loss.step(&cells, &teacher_layers, 13, 0.6, &mut gradients).unwrap();
        let of = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let [weight, bias] = loss.projection.dense_mut() else { panic!("weight and bias") };
        let inputs = [of(&features.concat()), of(&weight.weights), of(&bias.weights)];
        let distances = |[x, w, b]: &[Vec<f64>; 3]| {
            let mut out = Vec::new();
            for row in x.chunks_exact(channels) {
                out.extend((0..width).map(|j| b[j] + (0..channels).map(|c| row[c] * w[c * width + j]).sum::<f64>()));
            }
            let [of_student, of_teacher] = stated_distances(&out, &teacher, [2, 3, rows, width], 13.0);
            if direction == KlDirection::StudentTeacher { [of_student, of_teacher] } else { [of_teacher, of_student] }
        };
        let [want, opposite] = distances(&inputs);
        assert_near(&step.distances, &want, 1e-4, "D");
        assert_near(&step.opposite, &opposite, 1e-4, "D′");
        let total = |d: &[f64]| d.iter().zip(&step.flow).map(|(d, f)| d * f).sum::<f64>();
        assert!((step.loss - total(&want)).abs() < 1e-4);
        let x_gradient = gradients.concat();
        for (which, gradient) in [&x_gradient, &weight.gradient, &bias.gradient].into_iter().enumerate() {
            for at in (0..gradient.len()).step_by(1 + gradient.len() / 30) {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    inputs[which][at] += by;
                    total(&distances(&inputs)[0])
                };
                let want = 0.6 * (moved(1e-4) - moved(-1e-4)) / 2e-4;
                let got = f64::from(gradient[at]);
                assert!((got - want).abs() < 1e-5 + 1e-4 * want.abs(), "{direction:?}, {which}, {at}: {got} {want}");
            }
        }
    }
}

#[test]
fn weights_of_layers_go_on_from_step_to_step() {
    let (rows, channels, width) = (40, 4, 16);
    let features: Vec<Vec<f32>> = (0..4).map(|k| stream(&format!("x{k}")).normals(rows * channels, 1.0)).collect();
    let cells: Vec<&[f32]> = features.iter().map(|x| &x[..]).collect();
    let log_teacher = log_of(&stream("t").normals(8 * rows * width, 1.5), width);
    let teacher: Vec<&[f32]> = log_teacher.chunks_exact(rows * width).collect();
    let mut loss = new(CODED, [4, 8], channels, width).unwrap();
    let mut gradients = vec![Vec::new(); 4];
    let mut reference = LayerFlow::new(LayerMap::Emd, TeacherUpdate::Opposite, 4, 8).unwrap();
    for _ in 0..3 {
        let step = loss.step(&cells, &teacher, 2, 1.0, &mut gradients).unwrap();
        assert_eq!(reference.flow(&step.distances).unwrap(), step.flow);
        reference.update(&step.flow, &step.distances, &step.opposite);
        assert_eq!(*loss.layer_flow(), reference);
    }
    assert!(loss.layer_flow().weights()[1].iter().any(|w| (w - 0.125).abs() > 1e-3));
}

#[test]
fn threads_change_no_bit() {
    same_on_threads(|| {
        let (rows, channels, width) = (300, 16, 64);
        let features: Vec<Vec<f32>> = (0..4).map(|k| stream(&format!("x{k}")).normals(rows * channels, 1.0)).collect();
        let cells: Vec<&[f32]> = features.iter().map(|x| &x[..]).collect();
        let log_teacher = log_of(&stream("t").normals(4 * rows * width, 1.5), width);
        let teacher: Vec<&[f32]> = log_teacher.chunks_exact(rows * width).collect();
        let mut loss = new(CODED, [4, 4], channels, width).unwrap();
        let mut gradients = vec![Vec::new(); 4];
        let step = loss.step(&cells, &teacher, 15, 0.5, &mut gradients).unwrap();
        let [weight, bias] = loss.projection_mut().dense_mut() else { panic!("weight and bias") };
        let all = [bits(&gradients.concat()), bits(&weight.gradient), bits(&bias.gradient)];
        (all, step.flow.iter().chain(&step.distances).map(|v| v.to_bits()).collect::<Vec<_>>())
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |layers, channels, width| new(CODED, layers, channels, width).err().unwrap();
    assert_eq!(refused([4, 0], 4, 8).kind(), Kind::Input);
    assert!(refused([4, 4], 9, 8).to_string().contains("at least as wide"));
    let mut loss = identity(CODED, 4);
    let mut gradients = vec![Vec::new()];
    let (x, log) = ([0.5; 8], log_of(&[0.5; 8], 4));
    assert_eq!(loss.step(&[&x], &[&log[..4]], 1, 1.0, &mut gradients).unwrap_err().kind(), Kind::Internal);
    let endless = [f32::NAN; 8];
    assert_eq!(loss.step(&[&endless], &[&log], 1, 1.0, &mut gradients).unwrap_err().kind(), Kind::Diverged);
    let options =
        "{ map = \"emd\", teacher_update = \"opposite\", direction = \"student-teacher\", mean = \"pieces\" }";
    assert_eq!(parse::<HiddenOptions>(options).unwrap(), CODED);
    assert!(parse::<HiddenOptions>("{ map = \"emd\" }").is_err());
}
