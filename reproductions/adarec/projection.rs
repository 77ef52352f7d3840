//! The projections of the student's features to the teacher's width, x·W + b, and the loss between embeddings.

use harness::error::{Error, Kind, Result};
use harness::nn::{DenseParameter, Trainable, add_product, add_transposed_product, padded, transpose};
use harness::rng::Stream;
use harness::weights::{Init, Parameter};
use rayon::prelude::*;

/// Rows of a task. Fixed, so that nothing depends on threads.
pub(super) const ROWS: usize = 64;

/// From C channels of the student to the teacher's C_t.
pub struct Projection {
    channels: usize,
    width: usize,
    /// W `[C, C_t]` and b `[C_t]`; none where the channels of the student are compared as they are.
    linear: Option<[DenseParameter; 2]>,
}

/// A projection laid out for products.
pub(super) struct PackedProjection {
    channels: usize,
    width: usize,
    linear: Option<PackedLinear>,
}

struct PackedLinear {
    /// W, `[C, padded C_t]`
    weight: Vec<f32>,
    /// Wᵀ, `[C_t, padded C]`
    transposed: Vec<f32>,
    /// `[padded C_t]`
    bias: Vec<f32>,
}

/// What some rows add to the gradients of a projection; nothing where it has no parameter.
#[derive(Default)]
pub(super) struct ProjectionGradients {
    /// `[C, padded C_t]`
    weight: Vec<f32>,
    /// `[padded C_t]`
    bias: Vec<f32>,
}

impl Projection {
    /// Uniform within ±1/√C, both, as PyTorch starts a linear layer; the tensors are `NAME-weight` and `NAME-bias`, each from
    /// the stream `init.` before that.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the student is wider than the teacher, or a width is 0.
    pub fn new(name: &str, channels: usize, width: usize, stream: impl Fn(&str) -> Stream) -> Result<Self> {
        if channels == 0 || channels > width {
            return Err(Error::new(Kind::Input, "a student learns from a teacher that is at least as wide")
                .expected(format!("1 to {width} channels, the width of the teacher"))
                .got(channels.to_string()));
        }
        let parameter = |part: &str, shape: Vec<usize>| {
            let name = format!("{name}-{part}");
            let values = Init::of_layer(channels).draw(&mut stream(&format!("init.{name}")), shape.iter().product());
            DenseParameter::new(Parameter { name, shape, values })
        };
        let linear = Some([parameter("weight", vec![channels, width]), parameter("bias", vec![width])]);
        Ok(Self { channels, width, linear })
    }

    /// None: for a student that is as wide as its teacher, channel by channel.
    pub fn identity(width: usize) -> Self {
        Self { channels: width, width, linear: None }
    }

    /// C.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// C_t.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Weight and bias where it has them, with their gradients.
    pub fn dense_mut(&mut self) -> &mut [DenseParameter] {
        self.linear.as_mut().map_or(&mut [], |linear| &mut linear[..])
    }

    /// Weight and bias where it has them.
    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        self.linear.iter().flatten().map(|tensor| tensor as &dyn Trainable).collect()
    }

    /// Weight and bias where it has them.
    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.linear.iter_mut().flatten().map(|tensor| tensor as &mut dyn Trainable).collect()
    }

    pub(super) fn packed(&self) -> PackedProjection {
        let (channels, width) = (self.channels, self.width);
        let linear = self.linear.as_ref().map(|[matrix, bias]| {
            let mut weight = vec![0.0; channels * padded(width)];
            for (packed, row) in weight.chunks_exact_mut(padded(width)).zip(matrix.weights.chunks_exact(width)) {
                packed[..width].copy_from_slice(row);
            }
            let mut transposed = vec![0.0; width * padded(channels)];
            transpose(&mut transposed, padded(channels), &matrix.weights, width, width);
            let mut bias = bias.weights.clone();
            bias.resize(padded(width), 0.0);
            PackedLinear { weight, transposed, bias }
        });
        PackedProjection { channels, width, linear }
    }

    /// Overwrites the gradients with the sums over the blocks, in their order.
    pub(super) fn gather<'a>(&mut self, blocks: impl Iterator<Item = &'a ProjectionGradients>) {
        let width = self.width;
        let Some([weight, bias]) = &mut self.linear else { return };
        weight.gradient.fill(0.0);
        bias.gradient.fill(0.0);
        let add = |sums: &mut [f32], values: &[f32]| sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
        for block in blocks {
            let rows = weight.gradient.chunks_exact_mut(width).zip(block.weight.chunks_exact(padded(width)));
            rows.for_each(|(sums, row)| add(sums, row));
            add(&mut bias.gradient, &block.bias);
        }
    }
}

impl PackedProjection {
    pub(super) fn stride(&self) -> usize {
        padded(self.width)
    }

    /// `out: [rows, padded C_t]` = x·W + b for `x: [rows, C]`.
    pub(super) fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        let Some(PackedLinear { weight, bias, .. }) = &self.linear else {
            for row in x.chunks_exact(self.channels) {
                out.extend_from_slice(row);
                out.resize(out.len().next_multiple_of(self.stride()), 0.0);
            }
            return;
        };
        for _ in 0..x.len() / self.channels {
            out.extend_from_slice(bias);
        }
        add_product(out, self.stride(), x, self.channels, weight);
    }

    /// From `gradient: [rows, padded C_t]`, zeros beyond C_t, of the output to that of `x`, which overwrites
    /// `x_gradient: [rows, C]`; what W and b gain is added to `gained`. `room` is overwritten.
    pub(super) fn backward(
        &self,
        x: &[f32],
        gradient: &[f32],
        gained: &mut ProjectionGradients,
        room: &mut Vec<f32>,
        x_gradient: &mut [f32],
    ) {
        let (stride, channels) = (self.stride(), padded(self.channels));
        let rows = x_gradient.chunks_exact_mut(self.channels);
        let Some(PackedLinear { transposed, .. }) = &self.linear else {
            rows.zip(gradient.chunks_exact(stride)).for_each(|(out, row)| out.copy_from_slice(&row[..self.channels]));
            return;
        };
        add_transposed_product(&mut gained.weight, stride, x, self.channels, gradient);
        for row in gradient.chunks_exact(stride) {
            gained.bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        room.clear();
        room.resize(gradient.len() / stride * channels, 0.0);
        add_product(room, channels, gradient, stride, transposed);
        for (out, row) in rows.zip(room.chunks_exact(channels)) {
            out.copy_from_slice(&row[..self.channels]);
        }
    }
}

impl ProjectionGradients {
    pub(super) fn clear(&mut self, projection: &PackedProjection) {
        let [weight, bias] =
            projection.linear.as_ref().map_or([0; 2], |linear| [linear.weight.len(), linear.bias.len()]);
        for (sums, n) in [(&mut self.weight, weight), (&mut self.bias, bias)] {
            sums.clear();
            sums.resize(n, 0.0);
        }
    }
}

/// Buffers of one task of the loss between embeddings.
#[derive(Default)]
struct EmbeddingBlock {
    gained: ProjectionGradients,
    out: Vec<f32>,
    room: Vec<f32>,
    squares: f64,
}

/// L_emb: the mean over all elements, those of padding included, of the squared difference between the projected embedding
/// of the student and that of the teacher (code).
pub struct EmbeddingLoss {
    projection: Projection,
    blocks: Vec<EmbeddingBlock>,
}

impl EmbeddingLoss {
    pub fn new(projection: Projection) -> Self {
        Self { projection, blocks: Vec::new() }
    }

    /// The projection.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The projection, with its gradients.
    pub fn projection_mut(&mut self) -> &mut Projection {
        &mut self.projection
    }

    /// The loss, unweighted, of the student's embeddings `x: [T, C]` against the teacher's `[T, C_t]`; gradients are of
    /// `weight` times the loss. That of x overwrites `x_gradient: [T, C]`.
    ///
    /// # Panics
    /// If sizes do not fit, or there is no row.
    pub fn step(&mut self, x: &[f32], teacher: &[f32], weight: f64, x_gradient: &mut [f32]) -> f64 {
        let (channels, width) = (self.projection.channels(), self.projection.width());
        let rows = x.len() / channels;
        assert!(rows > 0 && x.len() == rows * channels && x_gradient.len() == x.len(), "[T, {channels}]");
        assert_eq!(teacher.len(), rows * width, "[T, {width}]");
        let packed = self.projection.packed();
        let scale = (2.0 * weight / teacher.len() as f64) as f32;
        self.blocks.resize_with(rows.div_ceil(ROWS), EmbeddingBlock::default);
        let tasks = (self.blocks.par_iter_mut())
            .zip(x.par_chunks(ROWS * channels))
            .zip(teacher.par_chunks(ROWS * width))
            .zip(x_gradient.par_chunks_mut(ROWS * channels));
        tasks.for_each(|(((block, x), teacher), x_gradient)| {
            let EmbeddingBlock { gained, out, room, squares } = block;
            packed.forward(x, out);
            *squares = 0.0;
            for (row, teacher) in out.chunks_exact_mut(packed.stride()).zip(teacher.chunks_exact(width)) {
                for (value, teacher) in row.iter_mut().zip(teacher) {
                    let difference = *value - teacher;
                    *squares += f64::from(difference * difference);
                    *value = scale * difference;
                }
            }
            gained.clear(&packed);
            packed.backward(x, out, gained, room, x_gradient);
        });
        self.projection.gather(self.blocks.iter().map(|block| &block.gained));
        self.blocks.iter().map(|block| block.squares).sum::<f64>() / teacher.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, floats};
    use crate::kit::{bits, same_on_threads};

    fn stream(purpose: &str) -> Stream {
        Stream::new(0, "adarec", purpose, 0)
    }

    fn loss(channels: usize, width: usize) -> EmbeddingLoss {
        EmbeddingLoss::new(Projection::new("project-embedding", channels, width, stream).unwrap())
    }

    /// The vector has the projected embeddings.
    #[test]
    fn the_loss_is_that_of_the_vector() {
        let case = case("adarec.json", "embedding_mse");
        let (x, teacher) = (floats(&case["inputs"]["student_projected"]), floats(&case["inputs"]["teacher"]));
        let mut loss = EmbeddingLoss::new(Projection::identity(4));
        let mut gradient = vec![7.0; x.len()];
        let got = loss.step(&x, &teacher, 0.5, &mut gradient);
        assert!((got - case["expected"]["mse"].as_f64().unwrap()).abs() < 1e-7, "{got}");
        for ((g, x), t) in gradient.iter().zip(&x).zip(&teacher) {
            assert!((g - (x - t) / 24.0).abs() < 1e-7);
        }
        assert!(loss.projection.tensors().is_empty() && loss.projection.dense_mut().is_empty());
        // As a projection whose matrix is the identity.
        let mut linear = self::loss(4, 4);
        let [weight, bias] = linear.projection.linear.as_mut().unwrap();
        weight.weights = (0..16).map(|k| f32::from(u8::from(k % 5 == 0))).collect();
        bias.weights.fill(0.0);
        let mut of_linear = vec![0.0; x.len()];
        assert_eq!((linear.step(&x, &teacher, 0.5, &mut of_linear), of_linear), (got, gradient));
    }

    /// Central differences in f64 of the loss by the letter, at widths that fill no register.
    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (rows, channels, width) = (70, 3, 5);
        let mut loss = loss(channels, width);
        let x = stream("x").normals(rows * channels, 1.0);
        let teacher = stream("t").normals(rows * width, 1.0);
        let mut x_gradient = vec![0.0; x.len()];
        let got = loss.step(&x, &teacher, 0.7, &mut x_gradient);
        let of = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let inputs = [of(&x), of(&loss.projection.dense_mut()[0].weights), of(&loss.projection.dense_mut()[1].weights)];
        let stated = |[x, w, b]: &[Vec<f64>; 3]| {
            let mut sum = 0.0;
            for row in 0..rows {
                for j in 0..width {
                    let dot: f64 = (0..channels).map(|c| x[row * channels + c] * w[c * width + j]).sum();
                    sum += (dot + b[j] - f64::from(teacher[row * width + j])).powi(2);
                }
            }
            sum / (rows * width) as f64
        };
        assert!((got - stated(&inputs)).abs() < 1e-6);
        let [weight, bias] = loss.projection.linear.as_mut().unwrap();
        for (which, gradient) in [&x_gradient, &weight.gradient, &bias.gradient].into_iter().enumerate() {
            for at in (0..gradient.len()).step_by(1 + gradient.len() / 20) {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    inputs[which][at] += by;
                    stated(&inputs)
                };
                let want = 0.7 * (moved(1e-4) - moved(-1e-4)) / 2e-4;
                assert!((f64::from(gradient[at]) - want).abs() < 1e-5, "{which}, {at}: {} {want}", gradient[at]);
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        same_on_threads(|| {
            let mut loss = loss(16, 64);
            let (x, teacher) = (stream("x").normals(300 * 16, 1.0), stream("t").normals(300 * 64, 1.0));
            let mut gradient = vec![0.0; x.len()];
            let got = loss.step(&x, &teacher, 1.0, &mut gradient);
            let [weight, bias] = loss.projection.linear.as_mut().unwrap();
            (got.to_bits(), [bits(&gradient), bits(&weight.gradient), bits(&bias.gradient)])
        });
    }

    #[test]
    fn a_student_wider_than_its_teacher_is_refused() {
        let error = Projection::new("p", 65, 64, stream).err().unwrap();
        assert!(error.kind() == Kind::Input && error.to_string().contains("at least as wide"), "{error}");
        assert!(Projection::new("p", 0, 4, stream).is_err());
    }
}
