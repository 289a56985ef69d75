//! The valid name nearest to a misspelt one.

use strsim::damerau_levenshtein;

/// The candidate that `wrong` most likely stands for, if any is near.
///
/// The same last segment in another table is nearest, then initials (`lr` for
/// `learning_rate`), then the fewest edits up to a third of the length.
pub(super) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (rank(wrong, candidate), candidate))
        .filter(|((_, edits), _)| *edits <= limit)
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, candidate)| candidate)
}

/// (kind of likeness, edits): smaller is nearer.
fn rank(wrong: &str, candidate: &str) -> (u8, usize) {
    let (wrong_table, wrong_name) = split(wrong);
    let (table, name) = split(candidate);
    let edits = damerau_levenshtein(wrong, candidate);
    if wrong_name == name {
        (0, usize::from(wrong_table != table))
    } else if edits > 1
        && wrong_table == table
        && wrong_name.len() > 1
        && initials(name) == wrong_name
    {
        (1, 0)
    } else {
        (2, edits)
    }
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

fn initials(name: &str) -> String {
    name.split(['_', '-']).filter_map(|word| word.chars().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wrong: &str, expect: Option<&str>) {
        let keys = ["model", "train", "train.learning_rate", "train.batch_size", "seed"];
        assert_eq!(nearest(wrong, keys), expect, "{wrong}");
    }

    #[test]
    fn suggests_the_likely_key() {
        check("train.lerning_rate", Some("train.learning_rate"));
        check("learning_rate", Some("train.learning_rate"));
        check("train.lr", Some("train.learning_rate"));
        check("trian", Some("train"));
        check("train.seed", Some("seed"));
        check("zzzzzzz", None);
    }
}
