//! The reference vectors of this folder, as the unit tests of both libraries read them, and how these hold values against
//! vectors and against each other: each of the two libraries has this file as its module `golden`.

#![allow(dead_code, reason = "neither uses all of it")]

use std::fmt::Display;

use serde_json::Value;

/// The cases of a file, each with `name`, `inputs` and `expected`.
pub fn cases(file: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(file);
    let text = std::fs::read_to_string(path).expect("the golden file is in the repository");
    let all: Value = serde_json::from_str(&text).unwrap();
    all["cases"].as_array().unwrap().clone()
}

/// The case of this name.
pub fn case(file: &str, name: &str) -> Value {
    cases(file).into_iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no case {name} in {file}"))
}

/// The numbers of an array, or of arrays of arrays, one after the other.
pub fn doubles(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(doubles).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

pub fn floats(value: &Value) -> Vec<f32> {
    doubles(value).into_iter().map(|v| v as f32).collect()
}

/// What counts: ids, sizes, positions.
pub fn ids(value: &Value) -> Vec<u32> {
    doubles(value).into_iter().map(|v| v as u32).collect()
}

/// A matrix by its rows.
pub fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(doubles).collect()
}

/// Holds values against as many others, each of which is to differ by less than `tolerance`.
pub fn assert_near<A, B>(got: &[A], want: &[B], tolerance: f64, what: impl Display)
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
        let (got, want) = (got.into(), want.into());
        assert!((got - want).abs() < tolerance, "{what}, at {at}: {got} {want}");
    }
}

/// Values that must be equal to the last bit, −0 and NaN included.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What `work` gives in a pool of so many threads.
pub fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// What `work` gives in pools of one, two and three threads, which is held to be the same.
pub fn same_on_threads<T: PartialEq + Send>(work: impl Fn() -> T + Sync) -> T {
    let [one, two, three] = [1, 2, 3].map(|threads| on_threads(threads, &work));
    assert!(one == two, "one thread and two");
    assert!(one == three, "one thread and three");
    one
}
