//! Levels of vector units, and the cap that tests put on them.

use std::fmt;

use pulp::Arch;

use crate::error::{Error, Kind, Result};
use crate::suggest::one_of;

/// Environment variable that names the widest [`Level`] to be used. It changes the speed and no bit of any result; tests use
/// it to check that.
pub const CAP: &str = "REPRISE_SIMD";

/// The vector instructions that a kernel may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No more than the target that the program was built for.
    Scalar,
    /// The vector unit of 64-bit Arm.
    Neon,
    /// AVX2 and fused multiply-add: x86-64-v3.
    V3,
    /// AVX-512 (F, BW, CD, DQ, VL): x86-64-v4.
    V4,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::V3, Self::V4];

    /// As [`CAP`] names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }

    /// The levels of this machine, narrowest first.
    pub fn here() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.arch().is_some())
    }

    /// `None` if this machine lacks it.
    pub(super) fn arch(self) -> Option<Arch> {
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::V3 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::V4 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().map(Arch::Neon),
            _ => None,
        }
    }

    /// The level that [`CAP`] names; `None` where it is not set, or empty.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if it names none, or one that this machine lacks.
    pub fn cap() -> Result<Option<Self>> {
        match std::env::var_os(CAP).filter(|value| !value.is_empty()) {
            Some(value) => Self::named(&value.to_string_lossy()).map(Some),
            None => Ok(None),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let here = || Self::here().map(Self::name);
        Self::here().find(|level| level.name() == name).ok_or_else(|| {
            let lacked = Self::ALL.iter().any(|level| level.name() == name);
            let what = if lacked { "this machine lacks a vector level" } else { "not a vector level" };
            Error::new(Kind::Input, format!("{what} (environment variable `{CAP}`)"))
                .expected(one_of(here()))
                .got(format!("`{name}`"))
                .hint("unset it: the widest level is used, with the same results")
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The widest of this machine, or the cap.
pub(super) fn chosen() -> Result<Arch> {
    Ok(Level::cap()?.and_then(Level::arch).unwrap_or_else(Arch::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_a_level_of_this_machine_or_refused() {
        for level in Level::here() {
            assert_eq!(Level::named(level.name()).unwrap(), level);
        }
        let error = Level::named("v5").unwrap_err().to_string();
        assert!(error.contains("not a vector level") && error.contains("`scalar`"), "{error}");
        assert_eq!(Level::here().next(), Some(Level::Scalar));
    }
}
