//! Settings that belong to weights.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};

/// Named values that are no tensors, in the order in which a model gives them: what it must know besides its weights to
/// compute the same again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// With one more; its value is kept as the text that [`Display`] gives.
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        self.0.push((key.into(), value.to_string()));
        self
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if it is missing or its text cannot be read.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<T> {
        let text = self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let got = text.map_or("none".into(), |text| format!("`{text}`"));
            Error::new(Kind::Internal, format!("a model is kept without its setting `{key}`")).got(got)
        })
    }

    /// Keys and texts, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&key[..], &value[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_comes_back() {
        let settings = Settings::default().with("alpha", 0.2).with("history", "causal");
        assert_eq!(settings.get::<f64>("alpha").unwrap(), 0.2);
        assert!(settings.get::<f64>("beta").unwrap_err().to_string().contains("got:      none"));
        assert!(settings.get::<u32>("alpha").unwrap_err().to_string().contains("`0.2`"));
        assert_eq!(settings.iter().collect::<Vec<_>>(), [("alpha", "0.2"), ("history", "causal")]);
    }
}
