//! Numbers with a range, for the fields of hyper-parameter structs: a value out of range is refused with its place in the
//! spec.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// An integer of at least 1: a size, a number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(usize);

/// A larger count is a typing error, and products of sizes would overflow.
const MOST: u64 = 1 << 31;

/// A finite number above 0: a learning rate, a standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// A finite number of at least 0: a weight decay, the weight of a term of a loss.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Weight(f64);

/// A finite number, such as a shift.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Real(f64);

/// A number of at least 0 and below 1: a probability, a share.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

/// Digits after the decimal point, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimals(u32);

/// `"all"` or an integer of at least 1: a limit that may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    All,
    At(usize),
}

/// Decimal digits that every f64 preserves.
const MOST_DECIMALS: u32 = f64::DIGITS;

/// Returns `value` if `check` accepts it. For a struct of hyper-parameters that must fit each other: it has
/// `#[derive(Deserialize)]` with `#[serde(remote = "Self", deny_unknown_fields)]`, which makes an inherent function
/// `deserialize`, and its `Deserialize` is `checked(Self::deserialize(deserializer)?, Self::check)`. So no way of reading it
/// goes past the check, and the error has the place of its own table.
///
/// # Errors
/// That of `check`, as text.
pub fn checked<T, E: Error>(value: T, check: impl FnOnce(&T) -> crate::error::Result<()>) -> Result<T, E> {
    check(&value).map_err(E::custom)?;
    Ok(value)
}

impl Count {
    pub fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<usize> for Count {
    type Error = &'static str;

    fn try_from(value: usize) -> Result<Self, Self::Error> {
        if (1..=MOST).contains(&(value as u64)) { Ok(Self(value)) } else { Err("expected an integer from 1 to 2^31") }
    }
}

impl Rate {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if value.is_finite() && value > 0.0 { Ok(Self(value)) } else { Err("expected a finite number above 0") }
    }
}

impl Weight {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Weight {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if value.is_finite() && value >= 0.0 { Ok(Self(value)) } else { Err("expected a finite number of at least 0") }
    }
}

impl Real {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Share {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<u32> for Decimals {
    type Error = &'static str;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if value <= MOST_DECIMALS { Ok(Self(value)) } else { Err("expected an integer from 0 to 15") }
    }
}

impl Decimals {
    pub fn get(self) -> u32 {
        self.0
    }

    /// 10 to the power of this number; exact.
    pub fn power_of_ten(self) -> f64 {
        10u64.pow(self.0) as f64
    }
}

crate::described! {
    Count: { "type": "integer", "minimum": 1, "maximum": MOST },
    Rate: { "type": "number", "exclusiveMinimum": 0 },
    Weight: { "type": "number", "minimum": 0 },
    Real: { "type": "number" },
    Share: { "type": "number", "minimum": 0, "exclusiveMaximum": 1 },
    Decimals: { "type": "integer", "minimum": 0, "maximum": MOST_DECIMALS },
    Limit: { "anyOf": [{ "const": "all" }, { "type": "integer", "minimum": 1 }] },
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Integer { expecting: "an integer from 1 to 2^31", least: 1, most: MOST };
        let value = deserializer.deserialize_u64(range)?;
        usize::try_from(value).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Decimals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Integer { expecting: "an integer from 0 to 15", least: 0, most: MOST_DECIMALS.into() };
        let value = deserializer.deserialize_u64(range)?;
        u32::try_from(value).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Number { expecting: "a finite number above 0", accepts: |x| x > 0.0 };
        deserializer.deserialize_f64(range).map(Self)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Number { expecting: "a finite number of at least 0", accepts: |x| x >= 0.0 };
        deserializer.deserialize_f64(range).map(Self)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Number { expecting: "a finite number", accepts: |_| true };
        deserializer.deserialize_f64(range).map(Self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = Number { expecting: "a number of at least 0 and below 1", accepts: |x| (0.0..1.0).contains(&x) };
        deserializer.deserialize_f64(range).map(Self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor)
    }
}

struct Integer {
    expecting: &'static str,
    least: u64,
    most: u64,
}

impl Visitor<'_> for Integer {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        if (self.least..=self.most).contains(&value) {
            Ok(value)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(value), &self))
        }
    }
}

struct Number {
    expecting: &'static str,
    accepts: fn(f64) -> bool,
}

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        if value.is_finite() && (self.accepts)(value) {
            Ok(value)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    /// `1` is a number too.
    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        match self.accepts {
            accepts if accepts(value as f64) => Ok(value as f64),
            _ => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        self.visit_f64(value as f64)
    }
}

struct LimitVisitor;

impl Visitor<'_> for LimitVisitor {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"all\"` or an integer of at least 1")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Limit, E> {
        if text == "all" { Ok(Limit::All) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Limit, E> {
        match usize::try_from(value) {
            Ok(value) if value > 0 => Ok(Limit::At(value)),
            _ => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Limit, E> {
        match usize::try_from(value) {
            Ok(value) if value > 0 => Ok(Limit::At(value)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use toml::de::ValueDeserializer;

    use super::*;

    /// The value, or what serde says against it.
    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
        T::deserialize(ValueDeserializer::parse(text).unwrap()).map_err(|error| error.message().to_string())
    }

    #[test]
    fn count_is_at_least_one() {
        assert_eq!(read("64"), Ok(Count(64)));
        assert_eq!(read::<Count>("0").unwrap_err(), "invalid value: integer `0`, expected an integer from 1 to 2^31");
        assert_eq!(read::<Count>("-3").unwrap_err(), "invalid value: integer `-3`, expected an integer from 1 to 2^31");
        assert_eq!(
            read::<Count>("1.5").unwrap_err(),
            "invalid type: floating point `1.5`, expected an integer from 1 to 2^31"
        );
    }

    #[test]
    fn numbers_keep_to_their_range_and_may_be_written_as_integers() {
        assert_eq!(read("1"), Ok(Rate(1.0)));
        assert_eq!(read("1e-3"), Ok(Rate(1e-3)));
        assert_eq!(read::<Rate>("0").unwrap_err(), "invalid value: integer `0`, expected a finite number above 0");
        for text in ["-1e-3", "inf", "nan"] {
            assert!(read::<Rate>(text).is_err(), "{text}");
            assert!(read::<Weight>(text).is_err(), "{text}");
        }
        assert_eq!(read("0"), Ok(Weight(0.0)));
        assert_eq!(read("-2"), Ok(Real(-2.0)));
        assert_eq!(read("0"), Ok(Share(0.0)));
        assert_eq!(read("0.5"), Ok(Share(0.5)));
        for text in ["1", "1.0", "-0.1", "nan"] {
            assert!(read::<Share>(text).unwrap_err().contains("at least 0 and below 1"), "{text}");
        }
        assert_eq!(read::<Real>("inf").unwrap_err(), "invalid value: floating point `inf`, expected a finite number");
        assert!(read::<Rate>("\"1e-3\"").is_err());
    }

    #[test]
    fn decimals_stay_within_what_an_f64_keeps() {
        assert_eq!(read("4"), Ok(Decimals(4)));
        assert_eq!(read("15"), Ok(Decimals(15)));
        assert!(read::<Decimals>("16").is_err());
        assert!(Decimals::try_from(15) == Ok(Decimals(15)) && Decimals::try_from(16).is_err());
        assert!(read::<Decimals>("-1").is_err());
    }

    #[test]
    fn limit_is_all_or_a_count() {
        assert_eq!(read("\"all\""), Ok(Limit::All));
        assert_eq!(read("50"), Ok(Limit::At(50)));
        assert!(read::<Limit>("0").is_err());
        assert_eq!(
            read::<Limit>("\"al\"").unwrap_err(),
            "invalid value: string \"al\", expected `\"all\"` or an integer of at least 1"
        );
    }
}
