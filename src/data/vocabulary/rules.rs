//! Which words a vocabulary takes, and in what order.

use anyhow::Result;

use super::Vocabulary;

/// How words are ordered that have no id of their own beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordOrder {
    /// By falling count, then by spelling.
    #[default]
    CountThenSpelling,
    /// By falling count, then as they are seen first.
    CountThenFirstSeen,
}

/// What a vocabulary is made of; the default takes every word.
#[derive(Clone, Copy, Debug, Default)]
pub struct VocabularyRules<'a> {
    /// Words that stand at the ids from 0 on, whether the text has them or not.
    pub reserved: &'a [&'a str],
    /// Words that stay, at the place of their count, where the text has them, however rare.
    pub kept: &'a [&'a str],
    /// The word that stands for those that are left out, and has their count. It stays as those
    /// that are kept do; where the text lacks it and it is not reserved, it has the last place.
    pub unknown: Option<&'a str>,
    /// How often a word must occur that is not reserved.
    pub min_count: u64,
    /// The most words that are taken beside those reserved, those that stay among them; 0 is all.
    pub max: usize,
    /// The order of the words behind those reserved.
    pub order: WordOrder,
}

impl Vocabulary {
    /// The vocabulary of words that are counted, in the order in which they are seen first where
    /// `rules` ask for it. It has counts.
    ///
    /// # Errors
    /// A word twice, or with a newline; more words than ids.
    pub fn of_counts(
        counts: impl IntoIterator<Item = (Box<str>, u64)>,
        rules: &VocabularyRules,
    ) -> Result<Self> {
        let mut reserved: Vec<(Box<str>, u64)> =
            rules.reserved.iter().map(|&word| (word.into(), 0)).collect();
        let stays = |word: &str| rules.kept.contains(&word) || rules.unknown == Some(word);
        let (mut others, mut total) = (Vec::new(), 0);
        for (word, count) in counts {
            total += count;
            match reserved.iter_mut().find(|(reserved, _)| *reserved == word) {
                Some((_, own)) => *own = count,
                None if count >= rules.min_count || stays(&word) => others.push((word, count)),
                None => (),
            }
        }
        match rules.order {
            WordOrder::CountThenSpelling => {
                others.sort_unstable_by(|(a, i), (b, j)| (j, a).cmp(&(i, b)));
            }
            WordOrder::CountThenFirstSeen => {
                others.sort_by_key(|(_, count)| std::cmp::Reverse(*count))
            }
        }
        let is_there =
            |unknown: &&str| reserved.iter().chain(&others).any(|(word, _)| &**word == *unknown);
        let lacking = rules.unknown.filter(|unknown| !is_there(unknown));
        others.extend(lacking.map(|unknown| (unknown.into(), 0)));
        if rules.max > 0 {
            let staying = others.iter().filter(|(word, _)| stays(word)).count();
            let mut room = rules.max.saturating_sub(staying);
            others.retain(|(word, _)| {
                let is_taken = stays(word) || room > 0;
                room -= usize::from(is_taken && !stays(word));
                is_taken
            });
        }
        let mut taken = reserved;
        taken.append(&mut others);
        let unknown = taken.iter().position(|(word, _)| rules.unknown == Some(word));
        if let Some(place) = unknown {
            let inside: u64 = taken.iter().map(|(_, count)| count).sum();
            taken[place].1 += total - inside;
        }
        let (words, counts): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        Self::new(words)?.with_counts(counts)
    }
}
