//! Which of the teacher's layers each of the student's is compared with, and how much: a flow `[student layers, teacher
//! layers]` whose sum is 1. The earth mover's distance finds it anew at each step, from weights of the layers that it adapts
//! afterwards (code); fixed maps are the alternative of the ablation.

use harness::error::{Error, Kind, Result};
use harness::weights::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::transport::cheapest_flow;

/// How layers of student and teacher are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerMap {
    /// Many to many, by the earth mover's distance.
    Emd,
    /// The first layers of the teacher.
    Left,
    /// The last layers of the teacher.
    Right,
    /// Every so many, from the first on.
    LeftJump,
    /// Every so many, up to the last.
    RightJump,
}

impl LayerMap {
    /// The teacher's layer for each of the student's, from 0 (code); none for [`Emd`](Self::Emd).
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the teacher has fewer layers than the student.
    pub fn fixed(self, student: usize, teacher: usize) -> Result<Option<Vec<usize>>> {
        if self == Self::Emd {
            return Ok(None);
        }
        if teacher < student {
            return Err(Error::new(
                Kind::Input,
                "a fixed map of layers needs as many in the teacher as in the student",
            )
            .expected(format!("a teacher of at least {student} layers"))
            .got(teacher.to_string())
            .hint("pair them by the earth mover's distance (`emd`)"));
        }
        // A student of one layer has no step to the next.
        let [jump, rest] = match student {
            0 | 1 => [0, teacher.saturating_sub(1)],
            _ => [(teacher - 1) / (student - 1), (teacher - 1) % (student - 1)],
        };
        Ok(Some(
            (0..student)
                .map(|layer| match self {
                    Self::Left | Self::Emd => layer,
                    Self::Right => teacher - student + layer,
                    Self::LeftJump => layer * jump,
                    Self::RightJump => rest + layer * jump,
                })
                .collect(),
        ))
    }
}

/// Which distances move the weights of the teacher's layers after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TeacherUpdate {
    /// Those of the opposite direction, D′ (code; probably by accident).
    Opposite,
    /// The distances of the loss, as for the student's layers.
    Symmetric,
}

/// Softmax temperature of the weights' update (code).
const SOFTENING: f64 = 10.0;

/// The flow between layers, and the weights that the earth mover's distance adapts. They go on from batch to batch and from
/// epoch to epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFlow {
    map: Option<Vec<usize>>,
    update: TeacherUpdate,
    /// w^S and w^T: each sums to 1.
    student: Vec<f64>,
    teacher: Vec<f64>,
}

impl LayerFlow {
    /// Uniform weights.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if one of the two has no layer, or a fixed map has no place for the student's.
    pub fn new(map: LayerMap, update: TeacherUpdate, student: usize, teacher: usize) -> Result<Self> {
        if student == 0 || teacher == 0 {
            let error = Error::new(Kind::Input, "hidden layers are compared, and one side has none");
            return Err(error.got(format!("{student} of the student, {teacher} of the teacher")));
        }
        let uniform = |n: usize| vec![1.0 / n as f64; n];
        Ok(Self { map: map.fixed(student, teacher)?, update, student: uniform(student), teacher: uniform(teacher) })
    }

    /// The weights of the student's layers and of the teacher's.
    pub fn weights(&self) -> [&[f64]; 2] {
        [&self.student, &self.teacher]
    }

    /// The flow for the distances `[student layers, teacher layers]`: the cheapest that moves the student's weights to the
    /// teacher's; of a fixed map 1/(student's layers) for each pair, so that both kinds move a mass of 1 (ours: how the code
    /// would have added them is not known).
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if a distance is not finite.
    pub fn flow(&self, distances: &[f64]) -> Result<Vec<f64>> {
        let Some(map) = &self.map else { return cheapest_flow(&self.student, &self.teacher, distances) };
        let mut flow = vec![0.0; distances.len()];
        for (layer, &of_teacher) in map.iter().enumerate() {
            flow[layer * self.teacher.len() + of_teacher] = 1.0 / map.len() as f64;
        }
        Ok(flow)
    }

    /// Adapts the weights after a training step, by its flow, the distances of the loss and those of the opposite direction,
    /// all `[student layers, teacher layers]`: layers whose mass moves cheaply gain. A fixed map has none to adapt.
    pub fn update(&mut self, flow: &[f64], distances: &[f64], opposite: &[f64]) {
        if self.map.is_some() {
            return;
        }
        let m = self.teacher.len();
        let of_teacher = match self.update {
            TeacherUpdate::Opposite => opposite,
            TeacherUpdate::Symmetric => distances,
        };
        let paid = |row: usize, of: &[f64]| (0..m).map(|j| flow[row * m + j] * of[row * m + j]).sum::<f64>();
        let student = (0..self.student.len()).map(|i| paid(i, distances)).collect();
        let received = |j: usize| (j..flow.len()).step_by(m).map(|at| flow[at] * of_teacher[at]).sum::<f64>();
        let teacher = (0..m).map(received).collect();
        self.student = adapted(&self.student, student);
        self.teacher = adapted(&self.teacher, teacher);
    }

    /// Adds the weights to a state, bit for bit.
    pub fn save(&self, state: &mut State<'_>) {
        for (name, weights) in [STUDENT, TEACHER].into_iter().zip(self.weights()) {
            let halves: Vec<u32> =
                weights.iter().flat_map(|w| [(w.to_bits() >> 32) as u32, w.to_bits() as u32]).collect();
            state.ids.insert(name.into(), halves.into());
        }
    }

    /// Takes back what [`save`](Self::save) put.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if it is not there, or of other numbers of layers.
    pub fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        for (name, weights) in [(STUDENT, &mut self.student), (TEACHER, &mut self.teacher)] {
            let halves =
                state.ids.remove(name).filter(|halves| halves.len() == 2 * weights.len()).ok_or_else(|| {
                    Error::new(Kind::Data, "a saved state cannot be used").got(format!("no weights of layers `{name}`"))
                })?;
            for (weight, half) in weights.iter_mut().zip(halves.as_chunks::<2>().0) {
                *weight = f64::from_bits((u64::from(half[0]) << 32) | u64::from(half[1]));
            }
        }
        Ok(())
    }
}

/// Names in saved states.
const STUDENT: &str = "layer-weights.student";
const TEACHER: &str = "layer-weights.teacher";

/// softmax(c̄/10) with c̄ᵢ = (Σc)/cᵢ and cᵢ = costᵢ/weightᵢ. A layer whose cost is 0 keeps c̄ = 0 and so gets the smallest
/// weight, not the largest (code). So does one whose weight underflowed to 0, for which the code would divide 0 by 0.
fn adapted(weights: &[f64], costs: Vec<f64>) -> Vec<f64> {
    let per_mass: Vec<f64> = weights.iter().zip(costs).map(|(w, cost)| if *w > 0.0 { cost / w } else { 0.0 }).collect();
    let sum: f64 = per_mass.iter().sum();
    let inverse: Vec<f64> = per_mass.iter().map(|&c| if c > 0.0 { sum / c } else { 0.0 }).collect();
    // A cost so small that the quotient overflows has all the weight that there is.
    let bounded = |c: &f64| c.min(f64::MAX) / SOFTENING;
    let largest = inverse.iter().map(bounded).fold(0.0, f64::max);
    let powers: Vec<f64> = inverse.iter().map(|c| libm::exp(bounded(c) - largest)).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, ids};
    use crate::kit::parse;

    #[test]
    fn weights_after_a_step_are_those_of_the_vectors() {
        for name in ["emd_2x3", "emd_4x8"] {
            let case = case("adarec.json", name);
            let (inputs, expected) = (&case["inputs"], &case["expected"]);
            let of = |key: &str| doubles(&inputs[key]);
            let [student, teacher] = [of("student_weights"), of("teacher_weights")];
            let distances = of("distance_student_to_teacher");
            let opposite = of("distance_teacher_to_student_same_layout");
            for (update, key) in [
                (TeacherUpdate::Opposite, "new_teacher_weights"),
                (TeacherUpdate::Symmetric, "new_teacher_weights_if_symmetric_distance"),
            ] {
                let mut layers = LayerFlow::new(LayerMap::Emd, update, student.len(), teacher.len()).unwrap();
                (layers.student, layers.teacher) = (student.clone(), teacher.clone());
                let flow = layers.flow(&distances).unwrap();
                let cost: f64 = flow.iter().zip(&distances).map(|(f, d)| f * d).sum();
                assert_near(&[cost], &[expected["emd_loss"].as_f64().unwrap()], 1e-9, name);
                layers.update(&flow, &distances, &opposite);
                assert_near(&layers.student, &doubles(&expected["new_student_weights"]), 1e-8, name);
                assert_near(&layers.teacher, &doubles(&expected[key]), 1e-8, key);
            }
        }
    }

    #[test]
    fn the_first_step_is_uniform() {
        let case = case("adarec.json", "emd_4x8_uniform_first_step");
        let layers = LayerFlow::new(LayerMap::Emd, TeacherUpdate::Opposite, 4, 8).unwrap();
        assert_eq!(
            layers.weights().concat(),
            doubles(&serde_json::json!([case["inputs"]["student_weights"], case["inputs"]["teacher_weights"]]))
        );
        let distances = doubles(&case["inputs"]["distance_student_to_teacher"]);
        let cost: f64 = layers.flow(&distances).unwrap().iter().zip(&distances).map(|(f, d)| f * d).sum();
        assert_near(&[cost], &[case["expected"]["emd_loss"].as_f64().unwrap()], 1e-9, "cost");
    }

    /// §11.1.3 of the specification: costs (.5, 10, 10, 10).
    #[test]
    fn extreme_costs_leave_weights_that_can_be_used() {
        let quarter = [0.25; 4];
        let of = |costs: [f64; 4]| adapted(&quarter, costs.map(|c| c / 4.0).to_vec());
        assert!((of([0.5, 10.0, 10.0, 10.0])[0] - 0.99).abs() < 0.005);
        let with_zero = of([0.0, 1.0, 1.0, 1.0]);
        assert!(with_zero[0] < with_zero[1] && with_zero.iter().all(|w| *w > 0.0), "{with_zero:?}");
        let all_zero = of([0.0; 4]);
        assert_eq!(all_zero, quarter);
        // The others underflow, and then stay usable.
        let one = of([1e-9, 1.0, 1.0, 1.0]);
        assert_eq!(one, [1.0, 0.0, 0.0, 0.0]);
        let next = adapted(&one, vec![3.0, 0.0, 0.0, 0.0]);
        assert!((next.iter().sum::<f64>() - 1.0).abs() < 1e-12 && next.iter().all(|w| *w > 0.0), "{next:?}");
        let smallest = of([f64::MIN_POSITIVE, 1e300, 1e300, 1e300]);
        assert_eq!(smallest, [1.0, 0.0, 0.0, 0.0]);
        let layers =
            LayerFlow { student: one, ..LayerFlow::new(LayerMap::Emd, TeacherUpdate::Opposite, 4, 4).unwrap() };
        let flow = layers.flow(&[1.0; 16]).unwrap();
        assert_eq!(flow[4..], [0.0; 12]);
    }

    #[test]
    fn fixed_maps_are_those_of_the_vector() {
        let case = case("adarec.json", "hierarchical_layer_maps");
        for (key, want) in case["expected"].as_object().unwrap() {
            let map = parse::<LayerMap>(&format!("\"{key}\"")).unwrap();
            let want: Vec<usize> = ids(want).into_iter().map(|k| k as usize).collect();
            assert_eq!(map.fixed(4, 8).unwrap().unwrap(), want, "{key}");
            // By hand: a teacher of as many layers has one map only; of 6 layers the jump is 1, and 2 are left over.
            assert_eq!(map.fixed(4, 4).unwrap().unwrap(), [0, 1, 2, 3], "{key}");
        }
        assert_eq!(LayerMap::RightJump.fixed(4, 6).unwrap().unwrap(), [2, 3, 4, 5]);
        assert_eq!(LayerMap::LeftJump.fixed(4, 9).unwrap().unwrap(), [0, 2, 4, 6]);
        assert_eq!(LayerMap::RightJump.fixed(1, 3).unwrap().unwrap(), [2]);
        assert!(LayerMap::Left.fixed(4, 3).unwrap_err().to_string().contains("at least 4 layers"));
        assert_eq!(LayerMap::Emd.fixed(4, 3).unwrap(), None);
        assert!(LayerFlow::new(LayerMap::Emd, TeacherUpdate::Opposite, 0, 3).is_err());
    }

    #[test]
    fn a_fixed_map_moves_a_mass_of_1_and_adapts_nothing() {
        let mut layers = LayerFlow::new(LayerMap::LeftJump, TeacherUpdate::Opposite, 2, 3).unwrap();
        let distances = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let flow = layers.flow(&distances).unwrap();
        assert_eq!(flow, [0.5, 0.0, 0.0, 0.0, 0.0, 0.5]);
        let before = layers.clone();
        layers.update(&flow, &distances, &distances);
        assert_eq!(layers, before);
    }

    #[test]
    fn weights_come_back_bit_for_bit() {
        let mut layers = LayerFlow::new(LayerMap::Emd, TeacherUpdate::Opposite, 3, 2).unwrap();
        let mut other = layers.clone();
        layers.update(
            &layers.flow(&[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]).unwrap(),
            &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
            &[0.1; 6],
        );
        let mut state = State::default();
        layers.save(&mut state);
        assert_ne!(layers, other);
        other.restore(&mut state).unwrap();
        assert_eq!(layers, other);
        assert!(other.restore(&mut state).unwrap_err().to_string().contains("layer-weights"));
    }
}
