//! Values and gradients against the reference vectors and against the same mathematics in candle,
//! which builds entities × D × M and takes its gradients by autograd.

use candle_core::{D, DType, Device, Tensor, Var};

use super::*;
use crate::golden::floats;

/// A side with its inputs, row-major, without padding: what both implementations start from.
pub(super) struct Case {
    pub layout: ExpertLayout,
    pub teachers: Vec<f32>,
    pub students: Vec<f32>,
    /// Per expert `[h, d]`, `[h]`, `[D, h]`, `[D]`, as torch keeps them.
    pub experts: Vec<[Vec<f32>; 4]>,
    /// `[M, D]` and `[M]`.
    pub gate: [Vec<f32>; 2],
    pub noise: Vec<f64>,
}

pub(super) struct Gradients {
    pub loss: f64,
    pub students: Vec<f32>,
    pub experts: Vec<[Vec<f32>; 4]>,
    pub gate: [Vec<f32>; 2],
    pub served: usize,
}

/// From a layer as torch keeps it to one matrix, input by input, with the biases last.
fn pack(weights: &[f32], biases: &[f32], columns: usize) -> Vec<f32> {
    let (outputs, inputs) = (biases.len(), weights.len() / biases.len());
    let mut packed = vec![0.0; (inputs + 1) * columns];
    for output in 0..outputs {
        for input in 0..inputs {
            packed[input * columns + output] = weights[output * inputs + input];
        }
        packed[inputs * columns + output] = biases[output];
    }
    packed
}

/// And back; what pads must be 0.
fn unpack(packed: &[f32], outputs: usize, columns: usize) -> [Vec<f32>; 2] {
    let rows: Vec<&[f32]> = packed.chunks_exact(columns).collect();
    assert!(rows.iter().all(|row| row[outputs..].iter().all(|&v| v == 0.0)), "what pads stays 0");
    let (biases, inputs) = rows.split_last().unwrap();
    [(0..outputs).flat_map(|o| inputs.iter().map(move |row| row[o])).collect(), biases[..outputs].to_vec()]
}

impl Case {
    /// Random values at which units are on and off and gates differ.
    pub fn random(layout: ExpertLayout, n: usize) -> Self {
        let mut stream = Stream::new(0, "de-test", "case", n as u64);
        let ExpertLayout { student, teacher, hidden, experts } = layout;
        let mut noise = vec![0.0; n * experts];
        gumbel::draw(&mut stream, &mut noise);
        Self {
            layout,
            teachers: stream.normals(n * teacher, 0.5),
            students: stream.normals(n * student, 0.5),
            experts: (0..experts)
                .map(|_| [hidden * student, hidden, teacher * hidden, teacher].map(|n| stream.normals(n, 0.4)))
                .collect(),
            gate: [stream.normals(experts * teacher, 0.4), stream.normals(experts, 0.4)],
            noise,
        }
    }

    pub fn modules(&self) -> Modules {
        let layout = self.layout;
        let experts = self.experts.iter().flat_map(|[w1, b1, w2, b2]| {
            [pack(w1, b1, layout.hidden_columns()), pack(w2, b2, layout.teacher_columns())].concat()
        });
        let gate = pack(&self.gate[0], &self.gate[1], layout.gate_columns());
        Modules::new("test", layout, &self.teachers, experts.collect(), gate)
    }

    pub fn ours(&self, selection: &ExpertSelection, distance: Distance, weight: f64) -> Gradients {
        let layout = self.layout;
        let mut modules = self.modules();
        let ids: Vec<u32> = (0..(self.teachers.len() / layout.teacher) as u32).collect();
        let (students, noise) = (&self.students[..], &self.noise[..]);
        let set = Entities { modules: &mut modules, ids: &ids, students, noise, weight };
        let outcome = forward_backward(&mut [set], selection, distance).remove(0);
        let experts = modules.experts.gradient.chunks_exact(layout.expert()).map(|expert| {
            let (first, second) = expert.split_at(layout.first());
            let [w1, b1] = unpack(first, layout.hidden, layout.hidden_columns());
            let [w2, b2] = unpack(second, layout.teacher, layout.teacher_columns());
            [w1, b1, w2, b2]
        });
        let experts = experts.collect();
        let gate = unpack(&modules.gate.gradient, layout.experts, layout.gate_columns());
        Gradients { loss: outcome.loss, students: outcome.gradient, experts, gate, served: outcome.served }
    }

    /// In f64.
    fn candles(&self, temperature: f64, epsilon: f64, distance: Distance, weight: f64) -> Gradients {
        let ExpertLayout { student, teacher, hidden, experts } = self.layout;
        let n = self.teachers.len() / teacher;
        let tensor = |values: &[f32], shape: (usize, usize)| {
            Tensor::from_slice(values, shape, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap()
        };
        let var = |values: &[f32], shape| Var::from_tensor(&tensor(values, shape)).unwrap();
        let t = tensor(&self.teachers, (n, teacher));
        let s = var(&self.students, (n, student));
        let layer = |x: &Tensor, w: &Var, b: &Var| x.matmul(&w.t().unwrap()).unwrap().broadcast_add(b).unwrap();
        let shapes = [(hidden, student), (1, hidden), (teacher, hidden), (1, teacher)];
        let of_experts: Vec<[Var; 4]> =
            self.experts.iter().map(|expert| std::array::from_fn(|k| var(&expert[k], shapes[k]))).collect();
        let gate = [var(&self.gate[0], (experts, teacher)), var(&self.gate[1], (1, experts))];
        let softmax = |x: &Tensor| candle_nn::ops::softmax(x, D::Minus1).unwrap();
        let a = softmax(&layer(&t, &gate[0], &gate[1]));
        let noise = Tensor::from_slice(&self.noise, (n, experts), &Device::Cpu).unwrap();
        let v = softmax(&(((a + epsilon).unwrap().log().unwrap() + noise).unwrap() / temperature).unwrap());
        let outputs: Vec<Tensor> =
            of_experts.iter().map(|[w1, b1, w2, b2]| layer(&layer(&s, w1, b1).relu().unwrap(), w2, b2)).collect();
        // [n, D, M] · [n, M, 1]
        let sum = Tensor::stack(&outputs, 2).unwrap().matmul(&v.unsqueeze(2).unwrap()).unwrap().squeeze(2).unwrap();
        let squares = (t - sum).unwrap().sqr().unwrap().sum(1).unwrap();
        let loss = match distance {
            Distance::Squared => squares.sum_all(),
            Distance::Norm => squares.sqrt().unwrap().sum_all(),
        };
        let loss = (loss.unwrap() * weight).unwrap();
        let gradients = loss.backward().unwrap();
        let of = |var: &Var| {
            let gradient = gradients.get(var.as_tensor()).expect("the loss depends on it");
            gradient.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        Gradients {
            loss: loss.to_scalar().unwrap(),
            students: of(&s),
            experts: of_experts.iter().map(|expert| expert.each_ref().map(of)).collect(),
            gate: gate.each_ref().map(of),
            served: n * experts,
        }
    }
}

impl Gradients {
    /// With names.
    pub fn parts(&self) -> Vec<(String, &[f32])> {
        let mut parts = vec![("students".to_string(), &self.students[..])];
        parts.extend(["gate weights", "gate biases"].iter().zip(&self.gate).map(|(n, v)| (n.to_string(), &v[..])));
        for (m, expert) in self.experts.iter().enumerate() {
            let names = ["w1", "b1", "w2", "b2"].map(|name| format!("expert {m} {name}"));
            parts.extend(names.into_iter().zip(expert.iter().map(|v| &v[..])));
        }
        parts
    }

    /// The largest difference of a part, in units of its largest element (or of `floor`).
    pub fn assert_near(&self, other: &Self, tolerance: f64, floor: f32) {
        assert!((self.loss - other.loss).abs() <= tolerance * other.loss.abs(), "{} {}", self.loss, other.loss);
        for ((name, a), (_, b)) in self.parts().into_iter().zip(other.parts()) {
            assert_eq!(a.len(), b.len(), "{name}");
            let scale = b.iter().fold(floor, |most, v| most.max(v.abs()));
            let gap = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(f64::from(gap / scale) <= tolerance, "{name}: {gap} of {scale}");
        }
    }
}

fn golden_case(name: &str) -> (Case, serde_json::Value, serde_json::Value) {
    let case = case("de.json", name);
    let (inputs, expected) = (case["inputs"].clone(), case["expected"].clone());
    let layout = ExpertLayout::new(2, 3, 2);
    assert_eq!(layout.hidden, 2);
    let experts = inputs["experts"].as_array().unwrap().iter();
    let case = Case {
        layout,
        teachers: floats(&inputs["teacher_vec"]),
        students: floats(&inputs["student_vec"]),
        experts: experts.map(|e| ["w1", "b1", "w2", "b2"].map(|key| floats(&e[key]))).collect(),
        gate: ["gate_w", "gate_b"].map(|key| floats(&inputs[key])),
        noise: doubles(&inputs["gumbel_noise"]),
    };
    (case, inputs, expected)
}

fn near(got: &[f32], want: &serde_json::Value, what: &str) {
    assert_near(got, &doubles(want), 1e-6, what);
}

#[test]
fn losses_and_gradients_agree_with_the_reference_vectors() {
    for name in ["de_forward_loss_tau=1", "de_forward_loss_tau=0.1", "de_forward_loss_tau=0.001"] {
        let (case, inputs, expected) = golden_case(name);
        let epsilon = inputs["eps_added_to_gate_probability"].as_f64().unwrap();
        let selection = ExpertSelection::new(inputs["tau"].as_f64().unwrap(), epsilon);
        let squared = case.ours(&selection, Distance::Squared, 1.0);
        let norm = case.ours(&selection, Distance::Norm, 1.0);
        assert_near(&[squared.loss], &doubles(&expected["loss_code_sum_of_squares"]), 1e-6, name);
        assert_near(&[norm.loss], &doubles(&expected["loss_paper_sum_of_l2_norms"]), 1e-6, name);
        near(&squared.students, &expected["grad_student_vec_of_code_loss"], name);
        // Of a size of 3e-8 at τ = 0.1, and 0 at 0.001: so held to a part of the largest, and in the form
        // that leaves no expert out; the two forms are compared below.
        let gate = case.ours(&selection.of_all(), Distance::Squared, 1.0).gate;
        let want = doubles(&expected["grad_gate_w_of_code_loss"]);
        let largest = want.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        for (got, want) in gate[0].iter().zip(want) {
            assert!((f64::from(*got) - want).abs() <= 3e-6 * largest, "{name}: {got} {want}");
        }
        near(&squared.experts[0][0], &expected["grad_expert0_w1_of_code_loss"], name);
    }
}

#[test]
fn selections_agree_with_the_reference_vectors() {
    for name in ["de_forward_loss_tau=1", "de_forward_loss_tau=0.1", "de_forward_loss_tau=0.001"] {
        let (case, inputs, expected) = golden_case(name);
        let temperature = inputs["tau"].as_f64().unwrap();
        let (want_gate, want_weights) = (doubles(&expected["gate_probability"]), doubles(&expected["selection"]));
        for entity in 0..2 {
            let teacher = &case.teachers[entity * 3..][..3];
            let logit = |m: usize| {
                let row = &case.gate[0][m * 3..][..3];
                row.iter().zip(teacher).map(|(w, t)| w * t).sum::<f32>() + case.gate[1][m]
            };
            let (mut gate, mut weights) = ([0.0; 2], [0.0; 2]);
            let noise = &case.noise[entity * 2..][..2];
            ExpertSelection::new(temperature, 1e-10).forward(&[logit(0), logit(1)], noise, &mut gate, &mut weights);
            assert_near(&gate, &want_gate[entity * 2..][..2], 1e-6, name);
            assert_near(&weights, &want_weights[entity * 2..][..2], 1e-6, name);
        }
    }
}

/// f32 against f64; n beyond a block and a chunk, no size a multiple of a vector's width.
#[test]
fn the_products_by_hand_equal_candles_autograd_over_the_naive_form() {
    for (layout, n) in
        [(ExpertLayout::new(5, 9, 7), 450), (ExpertLayout::new(20, 37, 3), 70), (ExpertLayout::new(6, 6, 2), 9)]
    {
        let case = Case::random(layout, n);
        for (temperature, epsilon) in [(1.0, 1e-10), (0.3, 0.0), (0.05, 1e-3)] {
            for distance in [Distance::Squared, Distance::Norm] {
                let ours = case.ours(&ExpertSelection::new(temperature, epsilon), distance, 0.7);
                let theirs = case.candles(temperature, epsilon, distance, 0.7);
                // The gate divides by τ what is rounded to f32 before.
                ours.assert_near(&theirs, 3e-6 / temperature, 1e-3);
            }
        }
    }
}

/// Experts that are left out and experts that are computed with a vanishing weight: the same to rounding.
#[test]
fn the_grouped_form_equals_the_dense_one_to_rounding() {
    let case = Case::random(ExpertLayout::new(5, 9, 30), 400);
    for (temperature, at_most) in [(1.0, 12_000), (0.1, 4_000), (0.001, 440)] {
        let selection = ExpertSelection::new(temperature, 1e-10);
        let grouped = case.ours(&selection, Distance::Squared, 1.0);
        let dense = case.ours(&selection.of_all(), Distance::Squared, 1.0);
        grouped.assert_near(&dense, 5e-6, 1e-3);
        assert!(grouped.served <= at_most && grouped.served >= 400, "{temperature}: {}", grouped.served);
        assert!(temperature > 0.5 || grouped.served < dense.served);
    }
}

#[test]
fn at_the_start_every_parameter_gets_a_gradient() {
    let case = Case::random(ExpertLayout::new(20, 37, 30), 300);
    let gradients = case.ours(&ExpertSelection::new(1.0, 1e-10), Distance::Squared, 1.0);
    for (name, values) in gradients.parts() {
        assert!(values.iter().all(|v| v.is_finite() && *v != 0.0), "{name}");
    }
}

#[test]
fn at_the_coldest_all_is_finite() {
    let case = Case::random(ExpertLayout::new(5, 9, 30), 300);
    for epsilon in [0.0, 1e-10] {
        let gradients = case.ours(&ExpertSelection::new(1e-10, epsilon), Distance::Norm, 1.0);
        assert!(gradients.parts().iter().all(|(_, values)| values.iter().all(|v| v.is_finite())));
        assert_eq!(gradients.served, 300);
    }
}
