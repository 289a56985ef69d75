//! Which pictures are held out.

use super::read::Decoded;
use crate::rng::Stream;

/// One picture in so many is held out.
const HELD_OUT: u64 = 10;

/// Holds out about a tenth of each class by a hash of the pictures' names.
///
/// A class of two pictures or more has some on both sides. Where the hash would leave one side
/// empty, the picture with the lowest hash is held out, or the one with the highest is not: this
/// alone may change when pictures are added.
pub(super) fn hold_out(
    pictures: Vec<Decoded>,
    n_classes: usize,
    seed: u64,
) -> (Vec<Decoded>, Vec<Decoded>) {
    let mut classes: Vec<Vec<(u64, Decoded)>> = (0..n_classes).map(|_| Vec::new()).collect();
    for picture in pictures {
        classes[picture.label as usize].push((hash(seed, &picture.name), picture));
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in classes {
        let limit = limit(class.iter().map(|(hash, _)| *hash).collect());
        for (hash, picture) in class {
            if hash < limit { test.push(picture) } else { train.push(picture) }
        }
    }
    (train, test)
}

/// The hash below which a picture is held out.
fn limit(mut hashes: Vec<u64>) -> u64 {
    let tenth = u64::MAX / HELD_OUT;
    hashes.sort_unstable();
    match hashes.as_slice() {
        [lowest, .., highest] => tenth.clamp(lowest.saturating_add(1), *highest),
        _ => tenth,
    }
}

fn hash(seed: u64, name: &str) -> u64 {
    let [low, high, ..] = Stream::new(seed, &format!("held-out/{name}")).block(0, 0);
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(counts: &[usize]) -> Vec<Decoded> {
        let class = |(label, &count): (usize, &usize)| {
            (0..count).map(move |i| Decoded {
                name: format!("{label}/{i:04}.png"),
                label: label as u8,
                pixels: vec![label as u8],
            })
        };
        counts.iter().enumerate().flat_map(class).collect()
    }

    #[test]
    fn about_a_tenth_of_each_class_is_held_out() {
        let counts = [1000, 500, 2, 3, 1];
        for seed in 0..20 {
            let (train, test) = hold_out(pictures(&counts), 5, seed);
            let count = |side: &[Decoded], class| {
                side.iter().filter(|picture| usize::from(picture.label) == class).count()
            };
            let [of_train, of_test]: [[usize; 5]; 2] =
                [train, test].map(|side| std::array::from_fn(|class| count(&side, class)));
            for class in 0..5 {
                assert_eq!(of_train[class] + of_test[class], counts[class]);
            }
            assert!((70..130).contains(&of_test[0]) && (30..75).contains(&of_test[1]));
            assert!((2..4).all(|class| of_train[class] > 0 && of_test[class] > 0));
        }
    }

    #[test]
    fn more_pictures_move_no_others() {
        let names = |(_, test): (Vec<Decoded>, Vec<Decoded>)| -> Vec<String> {
            test.into_iter().map(|picture| picture.name).collect()
        };
        let held_out = |counts: &[usize]| names(hold_out(pictures(counts), 2, 1));
        let (few, many) = (held_out(&[200, 300]), held_out(&[250, 900]));
        assert!(few.iter().all(|name| many.contains(name)));
        let old = |name: &&String| {
            let (class, file) = name.split_once('/').unwrap();
            file[..4].parse::<usize>().unwrap() < [200, 300][class.parse::<usize>().unwrap()]
        };
        assert_eq!(many.iter().filter(old).count(), few.len());
        assert_ne!(names(hold_out(pictures(&[200, 300]), 2, 2)), few);
    }
}
