//! Evidence: rows become numbers, two runs become a comparison.

mod column;
mod figure;
pub(crate) mod live;
mod metric;
mod missing;
mod noise;
pub(crate) mod options;
pub(crate) mod pair;
pub(crate) mod summary;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod verdict;

pub use figure::{FigureComparison, QuantileComparison};
pub use live::{Group, GroupBy, Histogram, LiveFigures, LiveGroup, LiveSummary};
pub use metric::{McNemar, MetricComparison, RegressedItem, Role};
pub use missing::WorstCase;
pub use noise::NoiseFloor;
pub use options::CompareOptions;
pub use pair::{Comparison, ItemComparison, StratumComparison};
pub use summary::{MetricSummary, RunSummary};
