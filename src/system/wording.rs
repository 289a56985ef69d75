//! Counts as people read them.

/// A count with its digits in threes: `12,500`.
pub fn grouped(count: u64) -> String {
    with_separators(&count.to_string())
}

/// Puts a comma before each third digit of the whole part.
pub fn with_separators(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = sign.to_owned();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// How many there are of what is called `what` in the singular: `1 epoch`, `12,500 epochs`.
pub fn counted(n: impl TryInto<u64>, what: &str) -> String {
    let n = count(n);
    format!("{} {}", grouped(n), plural(n, what))
}

/// The noun of [`counted`] alone, where the number stands elsewhere or is written without commas.
pub fn plural(n: impl TryInto<u64>, what: &str) -> String {
    if count(n) == 1 {
        return what.to_owned();
    }
    // Not every "ch" is a hiss: epochs.
    let hisses = ["s", "x", "sh", "tch"].into_iter().any(|end| what.ends_with(end));
    match what.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if hisses => format!("{what}es"),
        _ => format!("{what}s"),
    }
}

/// What depends on a count beside its noun, such as a verb: `one` if it is 1, otherwise `more`.
pub fn by_number<'a>(n: impl TryInto<u64>, one: &'a str, more: &'a str) -> &'a str {
    if count(n) == 1 { one } else { more }
}

/// Whatever is no count is many.
fn count(n: impl TryInto<u64>) -> u64 {
    n.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        let all = [0, 999, 1_000, 12_500, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "12,500", "1,234,567"]);
        assert_eq!(with_separators("-1234.5678"), "-1,234.5678");
    }

    #[test]
    fn one_is_in_the_singular_and_no_other_count() {
        let steps = [0_usize, 1, 2, 1_234].map(|n| counted(n, "step"));
        assert_eq!(steps, ["0 steps", "1 step", "2 steps", "1,234 steps"]);
        assert_eq!([1_u64, 0, 2].map(|n| by_number(n, "is", "are")), ["is", "are", "are"]);
        assert_eq!(plural(-1, "step"), "steps");
    }

    #[test]
    fn plurals_are_spelt_as_their_nouns_ask() {
        let nouns = ["epoch", "batch", "class", "box", "analogy", "vocabulary", "day", "byte"];
        assert_eq!(nouns.map(|noun| plural(1_u8, noun)), nouns);
        let plurals =
            ["epochs", "batches", "classes", "boxes", "analogies", "vocabularies", "days", "bytes"];
        assert_eq!(nouns.map(|noun| plural(2_u8, noun)), plurals);
    }
}
