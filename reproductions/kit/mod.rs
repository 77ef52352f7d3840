//! What tests of several rooms share.

mod alike;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod impressions;
pub mod sequential;
mod watcher;
mod world;

pub use crate::golden::{bits, on_threads, same_on_threads};
pub use alike::{assert_gradients_alike, assert_steps_alike, assert_trained_alike};
pub use watcher::Watcher;
pub use world::{Bits, World};

use harness::method::{Method, Params};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::split::{HeldOut, Split, UserItems};
use harness::train::Model;
use harness::weights::{Parameter, State};
use serde::de::DeserializeOwned;
use toml::de::{DeValue, ValueDeserializer};

use crate::models::Recommender;

/// Losses of some steps, and the parameters after them.
pub type Steps = (Vec<f64>, Vec<Parameter>);

/// A method as a spec has it, or what is said against its parameters.
pub fn method(name: &str, params: &str) -> std::result::Result<Box<dyn Method>, String> {
    let params = params.replace('\n', " ");
    let params = Params::new(DeValue::parse(&params).unwrap());
    crate::registry().get(name).unwrap()(params).map_err(|error| error.to_string())
}

/// Users with these training sequences, who are held out nothing: to ask a model for any of the items.
pub fn queries(train: &UserItems, n_items: usize) -> Queries {
    let n_users = train.n_users();
    let [valid, test] = [(); 2].map(|()| UserItems::from_pairs(n_users, &[]));
    Queries::of_users(&Split { n_users, n_items, train: train.clone(), valid, test }, HeldOut::Test)
}

/// A value of a spec, or what is said against it.
pub fn parse<T: DeserializeOwned>(value: &str) -> std::result::Result<T, String> {
    let value = value.replace('\n', " ");
    T::deserialize(ValueDeserializer::parse(&value).unwrap()).map_err(|error| error.message().to_string())
}

/// Losses and parameters after some steps, to the last bit.
pub fn bits_of((losses, parameters): Steps) -> (Vec<u64>, Vec<Vec<u32>>) {
    let losses = losses.into_iter().map(f64::to_bits).collect();
    (losses, parameters.iter().map(|parameter| bits(&parameter.values)).collect())
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// ‖a − b‖ / ‖b‖.
pub fn gap(a: &[f32], b: &[f32]) -> f64 {
    norm(a.iter().zip(b).map(|(a, b)| a - b)) / norm(b.iter().copied()).max(1e-12)
}

/// √(Σ v²/n), the standard deviation of values whose mean is 0.
pub fn spread(values: &[f32]) -> f64 {
    norm(values.iter().copied()) / (values.len() as f64).sqrt()
}

/// The step after which Adam's first moment is a tenth of the gradient: the first, without weight decay.
const FIRST: Adam = Adam { learning_rate: 1e-3, weight_decay: 0.0 };

/// Gradients of the named parameters, of a model that has just made its [`FIRST`] step.
fn first_gradients(model: &dyn Model, names: &[&str]) -> Vec<Vec<f32>> {
    let mut state = State::default();
    model.save(&mut state).unwrap();
    let of = |name: &&str| state.arrays[&format!("{name}.first_moment")].iter().map(|m| m * 10.0).collect();
    names.iter().map(of).collect()
}

/// The loss of a batch with what `add` adds to it, and the gradients of the named parameters.
pub fn gradients(
    model: &mut dyn Recommender,
    names: &[&str],
    batch: &[[u32; 3]],
    add: impl FnOnce(&mut dyn Recommender) -> f64,
) -> (f64, Vec<Vec<f32>>) {
    let loss = model.forward_backward(batch).unwrap() + add(model);
    model.step(&FIRST).unwrap();
    model.settle();
    (loss, first_gradients(model, names))
}
