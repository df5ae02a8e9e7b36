//! Sorting many values: each goes to about where it belongs, and neighbours are put in order there.

/// Fewer than these are sorted by comparing alone.
const MANY: usize = 512;
/// Values that share a bucket are put in order one by one, up to so many.
const FEW: usize = 24;

/// A number whose order is that of [`f64::total_cmp`].
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    let negative = (bits.cast_signed() >> 63).cast_unsigned();
    bits ^ (negative | 1 << 63)
}

fn value(key: u64) -> f64 {
    let positive = (key.cast_signed() >> 63).cast_unsigned();
    f64::from_bits(key ^ (!positive | 1 << 63))
}

/// Sorts by [`f64::total_cmp`].
pub(crate) fn sort(values: &mut [f64]) {
    let n = values.len();
    if n < MANY || u32::try_from(n).is_err() {
        return values.sort_unstable_by(f64::total_cmp);
    }
    let keys: Vec<u64> = values.iter().map(|&x| key(x)).collect();
    let ends = |(low, high): (u64, u64), &key: &u64| (low.min(key), high.max(key));
    let (low, high) = keys.iter().fold((u64::MAX, 0), ends);
    // So few bits of the distance from the lowest key that there are about as many buckets as values.
    let wanted = n.next_power_of_two().trailing_zeros();
    let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(wanted);
    let bucket = |key: u64| (key.wrapping_sub(low) >> shift) as usize;
    let mut ends = vec![0u32; bucket(high) + 1];
    for &key in &keys {
        if let Some(end) = ends.get_mut(bucket(key)) {
            *end += 1;
        }
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut sorted = vec![0u64; n];
    for &key in &keys {
        // The beginnings of the buckets become their ends.
        if let Some(end) = ends.get_mut(bucket(key)) {
            if let Some(slot) = sorted.get_mut(*end as usize) {
                *slot = key;
            }
            *end += 1;
        }
    }
    let mut from = 0;
    for end in ends {
        let end = end as usize;
        if end - from > FEW {
            sorted[from..end].sort_unstable();
        }
        from = end;
    }
    // What is left to do is within buckets of a few.
    for i in 1..n {
        let key = sorted[i];
        let mut to = i;
        while to > 0 && sorted[to - 1] > key {
            sorted[to] = sorted[to - 1];
            to -= 1;
        }
        sorted[to] = key;
    }
    values.iter_mut().zip(sorted).for_each(|(x, key)| *x = value(key));
}

/// What two ranges span together, in the order of [`f64::total_cmp`].
pub(crate) fn wider((low, high): (f64, f64), (other_low, other_high): (f64, f64)) -> (f64, f64) {
    (
        if other_low.total_cmp(&low).is_lt() { other_low } else { low },
        if other_high.total_cmp(&high).is_gt() { other_high } else { high },
    )
}

/// The value that would stand at `place` (from 0) if the lists, which are sorted each, were one sorted list.
pub(crate) fn nth_of_sorted(lists: &[&[f64]], place: usize) -> Option<f64> {
    let ends = lists.iter().filter_map(|list| Some((key(*list.first()?), key(*list.last()?))));
    let (mut low, mut high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    if place >= lists.iter().map(|list| list.len()).sum() {
        return None;
    }
    // The smallest number that more than `place` values are not above.
    while low < high {
        let middle = low + (high - low) / 2;
        let below: usize = lists.iter().map(|list| list.partition_point(|&x| key(x) <= middle)).sum();
        if below > place {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(value(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn it_is_the_order_of_total_cmp(seed in prop::collection::vec(any::<f64>(), 1..40), n in 1usize..6000, tight: bool) {
            let mut values: Vec<f64> = (0..n).map(|i| {
                let x = if tight { 3.0 + seed[i % seed.len()] * 1e-300 } else { seed[i % seed.len()] };
                x * (1.0 + (i * i % 977) as f64 / 977.0)
            }).collect();
            let mut expected = values.clone();
            expected.sort_by(f64::total_cmp);
            sort(&mut values);
            let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&values), bits(&expected));
        }

        #[test]
        fn a_place_in_several_lists_is_its_place_in_one(
            mut lists in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..9), 0..5),
        ) {
            lists.iter_mut().for_each(|list| sort(list));
            let mut all = lists.concat();
            sort(&mut all);
            let lists: Vec<&[f64]> = lists.iter().map(Vec::as_slice).collect();
            for place in 0..=all.len() {
                let found = nth_of_sorted(&lists, place);
                prop_assert_eq!(found.map(f64::to_bits), all.get(place).map(|x| x.to_bits()));
            }
        }
    }
}
