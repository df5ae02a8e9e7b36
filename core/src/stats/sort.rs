//! Sorting many values: by their digits, which takes the same few passes however many there are.

/// Fewer than these are sorted by comparing.
const MANY: usize = 2_048;
const BITS: u32 = 11;
const DIGITS: usize = 1 << BITS;

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
    if values.len() < MANY || u32::try_from(values.len()).is_err() {
        return values.sort_unstable_by(f64::total_cmp);
    }
    let mut from: Vec<u64> = values.iter().map(|&x| key(x)).collect();
    let mut to = vec![0; from.len()];
    for shift in (0..u64::BITS).step_by(BITS as usize) {
        let digit = |key: u64| (key >> shift) as usize % DIGITS;
        let mut places = [0u32; DIGITS];
        from.iter().for_each(|&key| places[digit(key)] += 1);
        // All the same: there is nothing to sort by.
        if from.first().is_some_and(|&first| places[digit(first)] as usize == from.len()) {
            continue;
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        for &key in &from {
            let place = &mut places[digit(key)];
            to[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    values.iter_mut().zip(from).for_each(|(x, key)| *x = value(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn it_is_the_order_of_total_cmp(seed in prop::collection::vec(any::<f64>(), 1..40), n in 1usize..6000) {
            let mut values: Vec<f64> = (0..n).map(|i| seed[i % seed.len()] * (1.0 + (i * i % 977) as f64 / 977.0)).collect();
            let mut expected = values.clone();
            expected.sort_by(f64::total_cmp);
            sort(&mut values);
            let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&values), bits(&expected));
        }
    }
}
