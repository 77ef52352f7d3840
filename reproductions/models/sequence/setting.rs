//! Settings that a model needs to be served, kept beside its weights.
//!
//! What is kept of a model are its parameters. A setting is a parameter without values, whose name says it:
//! `activation=sigmoid`. It adds nothing to the model's size.

use harness::error::{Error, Kind, Result};
use harness::weights::Parameter;

/// A setting as a parameter.
pub fn setting(key: &str, value: impl std::fmt::Display) -> Parameter {
    Parameter { name: format!("{key}={value}"), shape: vec![0], values: Vec::new() }
}

/// The value of a setting.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the parameter is not this setting, or its value cannot be read.
pub fn setting_of<T: std::str::FromStr>(parameter: &Parameter, key: &str) -> Result<T> {
    let value = parameter.name.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).ok_or_else(|| {
        Error::new(Kind::Internal, format!("a model is kept without its setting `{key}`")).got(parameter.name.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_comes_back() {
        let alpha = setting("alpha", 0.2);
        assert!(alpha.values.is_empty() && alpha.shape == [0]);
        assert_eq!(setting_of::<f64>(&alpha, "alpha").unwrap(), 0.2);
        assert!(setting_of::<f64>(&alpha, "beta").is_err());
        assert!(setting_of::<u32>(&alpha, "alpha").is_err());
    }
}
