//! Figures of size and speed that a published table may have among its columns.

use std::fmt;

/// A figure of size or speed; a comparison maps a column of the published table to it as other columns to metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Efficiency {
    /// Seconds to rank for all queries on a CPU, as `reprise latency` measures it.
    CpuSeconds,
    /// Seconds to rank for all queries on a GPU, as `reprise latency` measures it.
    GpuSeconds,
    /// Number of trained parameters, in millions.
    ParametersMillion,
    /// Number of trained parameters in per cent of the teacher's; 100 for a teacher.
    ParametersPercent,
}

impl Efficiency {
    pub const ALL: [Self; 4] = [Self::CpuSeconds, Self::GpuSeconds, Self::ParametersMillion, Self::ParametersPercent];

    pub fn name(self) -> &'static str {
        match self {
            Self::CpuSeconds => "seconds-cpu",
            Self::GpuSeconds => "seconds-gpu",
            Self::ParametersMillion => "parameters-million",
            Self::ParametersPercent => "parameters-percent",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.name() == name)
    }
}

impl fmt::Display for Efficiency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
