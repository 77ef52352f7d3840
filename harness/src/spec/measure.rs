//! What a figure measures: a metric of the protocol, or the size, speed or cost of a model.

use std::fmt;

use crate::metrics::Metric;

/// What a published or measured figure is a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Recommendation quality on the test data.
    Metric(Metric),
    /// Size, speed or cost.
    Quantity(Quantity),
}

/// A figure of a model or of its training besides metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Number of trained parameters.
    Parameters,
    /// Median time of one request within the training run, in microseconds.
    Latency,
    /// Peak resident memory of the training run, in bytes.
    Memory,
    /// Duration of the training run without evaluation and checkpoints, in seconds.
    Training,
    /// Seconds to rank for all queries in batches on a CPU, as `reprise latency` measures it.
    CpuSeconds,
    /// Seconds to rank for all queries in batches on a GPU, as `reprise latency` measures it.
    GpuSeconds,
    /// Number of trained parameters, in millions.
    ParametersMillion,
    /// Number of trained parameters in per cent of the teacher's; 100 for a teacher.
    ParametersPercent,
    /// Minutes of training for the last period of a stream, without evaluation and checkpoints.
    LastPeriodMinutes,
}

impl Quantity {
    /// The quantities that a claim may take the ratio of.
    pub const OF_CLAIMS: [Self; 4] = [Self::Parameters, Self::Latency, Self::Memory, Self::Training];

    /// The quantities that a column of a published table may hold.
    pub const OF_COLUMNS: [Self; 5] =
        [Self::CpuSeconds, Self::GpuSeconds, Self::ParametersMillion, Self::ParametersPercent, Self::LastPeriodMinutes];

    /// The name of the quantity in specs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Training => "training",
            Self::CpuSeconds => "seconds-cpu",
            Self::GpuSeconds => "seconds-gpu",
            Self::ParametersMillion => "parameters-million",
            Self::ParametersPercent => "parameters-percent",
            Self::LastPeriodMinutes => "minutes-last-period",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(metric) => metric.fmt(f),
            Self::Quantity(quantity) => quantity.fmt(f),
        }
    }
}
