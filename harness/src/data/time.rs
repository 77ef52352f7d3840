//! When an interaction happened, and how the source writes it.

use schemars::JsonSchema;
use serde::Deserialize;

/// A moment, ordered to the billionth of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Unix seconds under [`Clock::Unix`]; else a number or a position of the source.
    pub whole: i64,
    /// What follows the point, below a billion.
    pub billionths: u32,
}

impl From<i64> for Time {
    fn from(whole: i64) -> Self {
        Self { whole, billionths: 0 }
    }
}

/// The meaning of a dataset's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Moments: they can be counted in days.
    Unix,
    /// Numbers that order interactions and say nothing else.
    Order,
    /// The source has no times: they are positions in it, and no two are equal.
    Position,
}

/// The unit in which a column `time` counts, as a layout names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Since 1970, as the next three.
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Days of this year as MMDD, such as 1001 or 829; a time is the first moment of its day in UTC.
    MonthDay(i16),
    /// Of no clock: a larger number is later.
    Order,
}

/// Unix seconds of 1990-01-01 and 2100-01-01. No recommender's log is older, and a time beyond is one in another unit:
/// seconds read as milliseconds fall into 1970, milliseconds read as seconds behind the year 20,000.
const PLAUSIBLE: std::ops::Range<i64> = 631_152_000..4_102_444_800;

const BILLION: i128 = 1_000_000_000;

impl TimeUnit {
    const CLOCKS: [Self; 4] = [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// As a layout writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::MonthDay(_) => "month-day",
            Self::Order => "order",
        }
    }

    /// What a field is to be, for messages.
    pub(super) fn form(self) -> &'static str {
        match self {
            Self::MonthDay(_) => "a day of the year as MMDD, such as 1001 or 829",
            _ => "a time: a number, with at most nine decimals",
        }
    }

    pub fn clock(self) -> Clock {
        if self == Self::Order { Clock::Order } else { Clock::Unix }
    }

    /// A decimal number in this unit; none if it is none.
    ///
    /// # Errors
    /// What to do about a time that cannot be meant.
    pub(super) fn parse(self, text: &str) -> Result<Time, Unreadable> {
        if let Self::MonthDay(year) = self {
            return month_day(year, text).ok_or(Unreadable::NoNumber);
        }
        let number = decimal(text).ok_or(Unreadable::NoNumber)?;
        let meant = || Self::CLOCKS.into_iter().find(|unit| unit.moment(number).is_some());
        if self == Self::Order {
            Ok(number)
        } else {
            self.moment(number).ok_or_else(|| Unreadable::Implausible(meant()))
        }
    }

    /// The moment that a number is in this unit, if it is a plausible one. Less than a billionth of a second is cut off.
    fn moment(self, number: Time) -> Option<Time> {
        let billionths = match self {
            Self::Order | Self::MonthDay(_) => return None,
            Self::Seconds => BILLION,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        };
        let number = i128::from(number.whole) * BILLION + i128::from(number.billionths);
        of_billionths((number * billionths).div_euclid(BILLION)).filter(|time| is_plausible(*time))
    }
}

/// Why a field is no time.
pub(super) enum Unreadable {
    NoNumber,
    /// Before 1990 or after 2099; in this unit it would be neither.
    Implausible(Option<TimeUnit>),
}

/// The unit in which a number is a plausible moment; there is at most one, since the plausible numbers of two units have no
/// number in common.
pub(super) fn unit_of(text: &str) -> Option<TimeUnit> {
    let number = decimal(text)?;
    TimeUnit::CLOCKS.into_iter().find(|unit| unit.moment(number).is_some())
}

/// The first moment of a day in UTC, which is written as ISO 8601 does: `2014-04-07`.
pub(super) fn iso_date(text: &str) -> Result<Time, Unreadable> {
    const DAY: usize = "2014-04-07".len();
    if text.len() != DAY {
        return Err(Unreadable::NoNumber);
    }
    iso(&format!("{text}T00:00:00Z"))
}

/// A moment written as ISO 8601 does: a date, `T` or a blank, a time to the second or to a fraction of it, and `Z` or an
/// offset such as `-05:00`; without one it is UTC.
pub(super) fn iso(text: &str) -> Result<Time, Unreadable> {
    // jiff takes more than this: zones in brackets, and an offset that it then leaves out.
    const TO_THE_SECOND: usize = 19;
    let plain = |b: u8| b.is_ascii_digit() || b"-:.,+TtZz ".contains(&b);
    if text.len() < TO_THE_SECOND || !text.bytes().all(plain) {
        return Err(Unreadable::NoNumber);
    }
    let (_, zone) = text.split_at(TO_THE_SECOND);
    let zoned = zone.contains(['Z', 'z', '+', '-']);
    let moment = if zoned {
        text.parse::<jiff::Timestamp>()
    } else {
        let civil = text.parse::<jiff::civil::DateTime>();
        civil.and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC)).map(|zoned| zoned.timestamp())
    };
    let moment = moment.map_err(|_| Unreadable::NoNumber)?;
    let time = of_billionths(moment.as_nanosecond()).filter(|time| is_plausible(*time));
    time.ok_or(Unreadable::Implausible(None))
}

fn is_plausible(time: Time) -> bool {
    PLAUSIBLE.contains(&time.whole)
}

fn of_billionths(billionths: i128) -> Option<Time> {
    let whole = i64::try_from(billionths.div_euclid(BILLION)).ok()?;
    Some(Time { whole, billionths: billionths.rem_euclid(BILLION) as u32 })
}

/// The first moment of a day, which three or four digits say.
fn month_day(year: i16, text: &str) -> Option<Time> {
    if !(3..=4).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (month, day) = text.split_at(text.len() - 2);
    iso(&format!("{year}-{month:0>2}-{day}T00:00:00Z")).ok()
}

/// A number of digits, with a sign before and up to nine decimals (and any number of zeros) behind. Its whole is rounded
/// down: -12.5 is -13 and five tenths.
fn decimal(text: &str) -> Option<Time> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(digits) || !all_digits(decimals) {
        return None;
    }
    let (kept, beyond) = decimals.split_at(decimals.len().min(9));
    if beyond.bytes().any(|b| b != b'0') {
        return None;
    }
    // Nine places: the digits there are, and zeros for the others.
    let billionths = kept.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |n, b| 10 * n + u32::from(b - b'0'));
    let time = Time { whole: whole.parse().ok()?, billionths };
    if whole.starts_with('-') && billionths > 0 {
        return Some(Time { whole: time.whole.checked_sub(1)?, billionths: 1_000_000_000 - billionths });
    }
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(unit: TimeUnit, text: &str) -> Option<(i64, u32)> {
        unit.parse(text).ok().map(|time| (time.whole, time.billionths))
    }

    #[test]
    fn numbers_are_moments_in_their_unit() {
        assert_eq!(read(TimeUnit::Seconds, "1433221332"), Some((1_433_221_332, 0)));
        assert_eq!(read(TimeUnit::Seconds, "1433221332.0"), Some((1_433_221_332, 0)));
        assert_eq!(read(TimeUnit::Seconds, "1433221332.117"), Some((1_433_221_332, 117_000_000)));
        assert_eq!(read(TimeUnit::Milliseconds, "1433221332117"), Some((1_433_221_332, 117_000_000)));
        assert_eq!(read(TimeUnit::Milliseconds, "1433221332117.25"), Some((1_433_221_332, 117_250_000)));
        assert_eq!(read(TimeUnit::Microseconds, "1433221332117025"), Some((1_433_221_332, 117_025_000)));
        assert_eq!(read(TimeUnit::Nanoseconds, "1433221332117025003"), Some((1_433_221_332, 117_025_003)));
        for unit in [TimeUnit::Seconds, TimeUnit::Order] {
            for text in [
                "",
                ".",
                "1.",
                ".5",
                "1,5",
                "1e9",
                "--1",
                "+-1",
                " 1",
                "0x1",
                "1433221332.0000000001",
                "9999999999999999999",
            ] {
                assert!(matches!(unit.parse(text), Err(Unreadable::NoNumber)), "{text}");
            }
        }
    }

    #[test]
    fn a_day_of_a_known_year_is_a_moment() {
        let day = |text| read(TimeUnit::MonthDay(2014), text);
        // `date -u -d 2014-08-29 +%s`
        assert_eq!(
            (day("829"), day("0829"), day("1001")),
            (Some((1_409_270_400, 0)), day("829"), Some((1_412_121_600, 0)))
        );
        for wrong in ["", "29", "1301", "0229", "1032", "10010", "8.29", "+829"] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
        assert_eq!(read(TimeUnit::MonthDay(2016), "229"), Some((1_456_704_000, 0)));
        assert_eq!(TimeUnit::MonthDay(2014).clock(), Clock::Unix);
    }

    #[test]
    fn an_order_is_any_number() {
        assert_eq!(read(TimeUnit::Order, "2000.1000000000000"), Some((2000, 100_000_000)));
        assert_eq!(read(TimeUnit::Order, "-2.25"), Some((-3, 750_000_000)));
        assert_eq!(read(TimeUnit::Order, "20140401123456789"), Some((20_140_401_123_456_789, 0)));
        let times =
            ["-3", "-2.9", "-2.1", "-0.5", "0", "0.000000001", "0.5", "7"].map(|text| TimeUnit::Order.parse(text).ok());
        assert!(times.is_sorted() && times.iter().all(Option::is_some));
    }

    #[test]
    fn a_time_that_cannot_be_meant_says_in_which_unit_it_could() {
        let meant = |unit: TimeUnit, text| match unit.parse(text) {
            Err(Unreadable::Implausible(meant)) => meant,
            _ => panic!("{text} is taken"),
        };
        assert_eq!(meant(TimeUnit::Seconds, "1433221332000"), Some(TimeUnit::Milliseconds));
        assert_eq!(meant(TimeUnit::Milliseconds, "1433221332"), Some(TimeUnit::Seconds));
        assert_eq!(meant(TimeUnit::Seconds, "1433221332000000000"), Some(TimeUnit::Nanoseconds));
        assert_eq!(meant(TimeUnit::Seconds, "17"), None);
        assert_eq!(meant(TimeUnit::Seconds, "0"), None);
        assert_eq!(meant(TimeUnit::Seconds, "631151999.9"), None);
        assert_eq!(read(TimeUnit::Seconds, "631152000"), Some((631_152_000, 0)));
        assert_eq!(meant(TimeUnit::Seconds, "4102444800"), None);
    }

    #[test]
    fn iso_times_are_read_to_their_end() {
        let read = |text| iso(text).ok().map(|time| (time.whole, time.billionths));
        // `date -u -d 2014-04-07T16:00:00 +%s`
        for text in
            ["2014-04-07T16:00:00", "2014-04-07 16:00:00Z", "2014-04-07T11:00:00-05:00", "2014-04-07T21:30:00+0530"]
        {
            assert_eq!(read(text), Some((1_396_886_400, 0)), "{text}");
        }
        assert_eq!(read("2014-04-07T16:00:00.125Z"), Some((1_396_886_400, 125_000_000)));
        assert_eq!(read("2014-04-07T11:00:00.000000001-05:00"), Some((1_396_886_400, 1)));
        for text in [
            "2014-04-07T16:00:00 PM broken",
            "2014-04-07T16:00:00 ",
            "2014-04-07T16:00:00+",
            "2014-04-07T16:00:00Z+01:00",
            "2014-04-07T16:00:00+01:00[Europe/Paris]",
            "2014-04-07T16:00",
            "2014-04-07",
            "2014-13-07T16:00:00",
            "2014-04-07T25:00:00",
            "20140407T160000",
        ] {
            assert!(matches!(iso(text), Err(Unreadable::NoNumber)), "{text}: {:?}", read(text));
        }
        assert!(matches!(iso("1970-01-02T00:00:01Z"), Err(Unreadable::Implausible(None))));
    }
}
