//! A moment that a spec names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::{Time, iso};

/// In a spec a date such as `"2014-10-01"`, whose first moment in UTC it is, or a date with a time of day and an offset,
/// such as `"2014-10-01T00:00:00+08:00"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// As it is written.
    text: String,
    time: Time,
}

impl Moment {
    /// Unix seconds.
    pub fn time(&self) -> Time {
        self.time
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const DATE: usize = "2014-10-01".len();
        let with_time = if text.len() == DATE { format!("{text}T00:00:00Z") } else { text.to_string() };
        match iso(&with_time) {
            Ok(time) => Ok(Self { text: text.into(), time }),
            Err(_) => Err(format!(
                "expected a date of the years 1990 to 2099 such as `2014-10-01`, or `2014-10-01T00:00:00+08:00`, got `{text}`"
            )),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::described! { Moment: { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" } }

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.time());
        // `date -u -d 2014-10-01 +%s`
        assert_eq!(read("2014-10-01"), Ok(1_412_121_600.into()));
        assert_eq!(read("2014-10-01T08:00:00+08:00"), read("2014-10-01"));
        for wrong in ["", "2014-10", "2014-13-01", "2014-10-01 ", "20141001", "1970-01-01", "2014-02-30", "2014-10-1x"]
        {
            assert!(read(wrong).unwrap_err().contains("expected a date"), "{wrong}");
        }
        let moment: Moment = serde_json::from_str("\"2014-10-01\"").unwrap();
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2014-10-01\"");
    }
}
