//! The split of the images into training, validation and test.

use std::collections::HashMap;

use super::listing::{ContentHash, Listing, some};
use crate::data::Split;

/// Splits the images by a hash of their file names, like TensorFlow's `retrain.py` but with a
/// different hash. An image stays in its split when others are added or removed, or when the folder
/// is renamed.
///
/// Only the file name counts, up to `_nohash_`, so that related images can be kept together. Files
/// with the same content are in one split, that of the smallest hash. A class without training images
/// gets those with its largest hash.
///
/// Returns the split of each image.
pub fn divide(listing: &Listing, validation: f64, testing: f64) -> Vec<Split> {
    let pictures = &listing.pictures;
    let name =
        |place: usize| pictures[place].path.file_name().unwrap_or_default().to_string_lossy();
    let mut shares: HashMap<ContentHash, f64> = HashMap::new();
    for (place, picture) in pictures.iter().enumerate() {
        let percent = percent(&name(place));
        let least = shares.entry(picture.hash).or_insert(percent);
        *least = least.min(percent);
    }
    let mut parts: HashMap<ContentHash, Split> = shares
        .iter()
        .map(|(&hash, &percent)| match percent {
            percent if percent < validation => (hash, Split::Valid),
            percent if percent < validation + testing => (hash, Split::Test),
            _ => (hash, Split::Train),
        })
        .collect();
    for label in 0..listing.classes.len() as u32 {
        let own = || pictures.iter().filter(move |picture| picture.label == label);
        if own().any(|picture| parts[&picture.hash] == Split::Train) {
            continue;
        }
        let largest = own().map(|picture| shares[&picture.hash]).max_by(f64::total_cmp);
        // Those that belong together stay together.
        let last = shares.iter().filter(|(_, share)| Some(**share) == largest);
        parts.extend(last.map(|(&hash, _)| (hash, Split::Train)));
    }
    pictures.iter().map(|picture| parts[&picture.hash]).collect()
}

/// Warns of classes without held-out images, if there should be some.
pub fn warn_of_missing(listing: &Listing, parts: &[Split], validation: f64, testing: f64) {
    for (split, percentage, what) in
        [(Split::Valid, validation, "validation"), (Split::Test, testing, "test")]
    {
        let has = |label: usize| {
            let mut pictures = listing.pictures.iter().zip(parts);
            pictures.any(|(picture, part)| picture.label as usize == label && *part == split)
        };
        let lacking: Vec<_> =
            (0..listing.classes.len()).filter(|&label| percentage > 0.0 && !has(label)).collect();
        if !lacking.is_empty() {
            let names: Vec<_> =
                lacking.iter().map(|&label| listing.classes[label].clone()).collect();
            tracing::warn!(
                "no {what} images: {}; use more images, or a larger data.{}_percentage",
                some(&names),
                if split == Split::Valid { "validation" } else { "testing" }
            );
        }
    }
}

/// A number from 0 to 100 for a file's name.
fn percent(name: &str) -> f64 {
    let kept = name.split("_nohash_").next().unwrap_or(name);
    let hash = ContentHash::of(kept.as_bytes()).number();
    100.0 * (hash >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::listing::Picture;
    use super::*;

    fn listing(pictures: &[(&str, u32, &str)]) -> Listing {
        let picture = |&(path, label, content): &(&str, u32, &str)| Picture {
            path: path.into(),
            label,
            hash: ContentHash::of(content.as_bytes()),
        };
        Listing {
            classes: vec!["a".into(), "b".into()],
            pictures: pictures.iter().map(picture).collect(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn about_a_tenth_each_is_held_out_by_name_alone() {
        let names: Vec<String> = (0..3000).map(|i| format!("picture-{i}.jpg")).collect();
        let pictures: Vec<_> = names.iter().map(|name| (&**name, 0, &**name)).collect();
        let parts = divide(&listing(&pictures), 10.0, 10.0);
        let count = |split| parts.iter().filter(|&&part| part == split).count();
        assert!((250..350).contains(&count(Split::Valid)), "{}", count(Split::Valid));
        assert!((250..350).contains(&count(Split::Test)), "{}", count(Split::Test));
        // Others, and another folder, move nothing.
        let moved: Vec<String> = names.iter().map(|name| format!("else/where/{name}")).collect();
        let some: Vec<_> =
            moved.iter().zip(&names).step_by(7).map(|(p, n)| (&**p, 0, &**n)).collect();
        let again = divide(&listing(&some), 10.0, 10.0);
        assert!(again.iter().eq(parts.iter().step_by(7)));
    }

    #[test]
    fn pictures_that_belong_together_are_in_one_part() {
        let names: Vec<[String; 3]> = (0..200)
            .map(|i| {
                [format!("x{i}_nohash_1.jpg"), format!("x{i}_nohash_2.jpg"), format!("y{i}.jpg")]
            })
            .collect();
        for [one, two, copy] in &names {
            let found = [(&**one, 0, "1"), (two, 0, "2"), (copy, 0, "2"), ("zz", 0, "z")];
            let parts = divide(&listing(&found), 40.0, 40.0);
            assert_eq!(parts[1], parts[2], "{copy}");
            assert!(percent(copy) < percent(two) || parts[0] == parts[1], "{one}");
        }
    }

    #[test]
    fn every_class_has_something_to_train_on() {
        let pictures = [("1.jpg", 0, "1"), ("2.jpg", 0, "2"), ("3.jpg", 1, "3"), ("4.jpg", 1, "4")];
        let parts = divide(&listing(&pictures), 50.0, 49.999_999);
        assert_eq!(parts.iter().filter(|&&part| part == Split::Train).count(), 2, "{parts:?}");
        assert!(parts[..2].contains(&Split::Train) && parts[2..].contains(&Split::Train));
        assert!(divide(&listing(&pictures), 0.0, 0.0).iter().all(|&part| part == Split::Train));
    }
}
