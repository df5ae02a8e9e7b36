//! Evidence: rows become numbers, two runs become a comparison.

pub(crate) mod live;
pub(crate) mod pair;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod text;

pub use live::{Group, GroupBy, Histogram, LiveFigures, LiveGroup, LiveSummary};
pub use pair::{Comparison, ItemComparison, MetricComparison, StratumComparison};
pub use summary::{MetricSummary, RunSummary};
