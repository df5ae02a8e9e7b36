//! Scores as most are: numbers, one of a call, all from one source. They need no table of what came later.

use super::live::Waiting;
use crate::model::score::ScoreValue;
use crate::model::trace::ScoreSource;

/// Numbers by the group of their row, from rows that grow.
pub(crate) struct Part {
    values: Vec<f64>,
    /// Where each group ends among the values.
    ends: Vec<usize>,
    /// The first and the last row; nothing if it has none.
    rows: Option<(u32, u32)>,
    source: ScoreSource,
}

impl Part {
    /// The numbers of a group, in no order.
    pub(crate) fn of(&self, group: usize) -> &[f64] {
        let from = group.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = from.zip(self.ends.get(group)).and_then(|(from, &end)| self.values.get(from..end));
        range.unwrap_or_default()
    }

    /// The numbers of all groups.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Puts numbers into their groups, in which each row with a number is once; without groups all are in the first. Nothing if
/// the rows don't grow, or a value is none.
pub(super) fn part_of(
    numbers: impl Iterator<Item = (Option<u32>, f64)> + Clone,
    source: ScoreSource,
    of_row: &[u32],
    groups: usize,
) -> Option<Part> {
    let mut rows: Option<(u32, u32)> = None;
    let mut ends = vec![0; groups];
    let group = |row: u32| if of_row.is_empty() { Some(0) } else { of_row.get(row as usize).copied() };
    for (row, value) in numbers.clone() {
        let Some(row) = row else { continue };
        if !value.is_finite() || rows.is_some_and(|(_, last)| row <= last) {
            return None;
        }
        rows = Some((rows.map_or(row, |(first, _)| first), row));
        *ends.get_mut(group(row)? as usize)? += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut values = vec![0.0; total];
    for (row, value) in numbers {
        // `ends` are the beginnings now, and become the ends.
        if let Some(row) = row
            && let Some(at) = group(row).and_then(|group| ends.get_mut(group as usize))
        {
            if let Some(slot) = values.get_mut(*at) {
                *slot = value;
            }
            *at += 1;
        }
    }
    Some(Part { values, ends, rows, source })
}

/// Scores that wait, as a part.
pub(crate) fn waiting_part(waiting: &[Waiting], of_row: &[u32], groups: usize) -> Option<Part> {
    let source = waiting.first().map_or(ScoreSource::ALL[0], |(_, source, _)| *source);
    let number = |(_, from, value): &Waiting| match value {
        ScoreValue::Number(x) if *from == source => Some(*x),
        _ => None,
    };
    let numbers: Option<Vec<f64>> = waiting.iter().map(number).collect();
    let rows = waiting.iter().map(|(row, ..)| Some(*row));
    part_of(rows.zip(numbers?), source, of_row, groups)
}

/// Whether no row is in two of the parts, and all are from one source: that one, if only one is asked for.
pub(crate) fn fit(parts: &[Part], only: Option<ScoreSource>) -> bool {
    let with_rows: Vec<((u32, u32), ScoreSource)> =
        parts.iter().filter_map(|part| Some((part.rows?, part.source))).collect();
    let one = only.or(with_rows.first().map(|(_, source)| *source));
    with_rows.windows(2).all(|pair| pair[0].0.1 < pair[1].0.0)
        && with_rows.iter().all(|(_, source)| Some(*source) == one)
}
