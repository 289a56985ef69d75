//! The results of a classifier on labelled images: accuracies, confusions, and mistakes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::labels::Labels;
use super::super::scores::{Scored, top};
use crate::system::wording::plural;

/// Classes that count as right for the top-5 accuracy.
const TOP: usize = 5;

/// An image with its class and prediction.
#[derive(Debug)]
pub struct Judged {
    /// Its file.
    pub path: PathBuf,
    /// Its index among the images.
    pub index: usize,
    /// Its class.
    pub class: usize,
    /// The most probable classes, the first one first.
    pub best: Vec<Scored>,
    /// The probability of its class.
    probability: f32,
}

/// The predictions for all images.
#[derive(Debug, Default)]
pub struct Results {
    pub pictures: Vec<Judged>,
}

impl Results {
    /// Adds the scores of an image of `class`.
    pub fn add(&mut self, path: &Path, class: usize, scores: &[f32]) {
        let all = top(scores, scores.len());
        let probability =
            all.iter().find(|scored| scored.0 == class).map_or(0.0, |scored| scored.1);
        let best = all.into_iter().take(TOP).collect();
        let index = self.pictures.len();
        self.pictures.push(Judged { path: path.to_owned(), index, class, best, probability });
    }

    /// The top-`count` accuracy: the fraction of images whose class is among the `count` most probable.
    fn accuracy<'a>(pictures: impl Iterator<Item = &'a Judged>, count: usize) -> f64 {
        let (mut right, mut all) = (0, 0);
        for picture in pictures {
            all += 1;
            right +=
                usize::from(picture.best.iter().take(count).any(|best| best.0 == picture.class));
        }
        f64::from(right as u32) / f64::from(all.max(1) as u32)
    }

    /// The top-1 accuracy: the fraction of images whose class is the most probable.
    pub fn top_1(&self) -> f64 {
        Self::accuracy(self.pictures.iter(), 1)
    }

    /// The mean cross-entropy −ln p of the images' own classes, in nats.
    fn cross_entropy(&self) -> f64 {
        let loss = |picture: &Judged| -f64::from(picture.probability).ln();
        let sum: f64 = self.pictures.iter().map(loss).sum();
        // A mean of -0 is 0.
        sum / self.pictures.len().max(1) as f64 + 0.0
    }

    /// Pairs of a class and another that it was taken for, the most frequent first.
    fn confusions(&self) -> Vec<((usize, usize), usize)> {
        let mut counts = BTreeMap::new();
        for picture in self.wrong() {
            *counts.entry((picture.class, picture.best[0].0)).or_insert(0) += 1;
        }
        let mut pairs: Vec<_> = counts.into_iter().collect();
        pairs.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        pairs
    }

    fn wrong(&self) -> impl Iterator<Item = &Judged> {
        self.pictures.iter().filter(|picture| picture.best[0].0 != picture.class)
    }

    /// The most confident mistakes.
    pub fn worst(&self, count: usize) -> Vec<&Judged> {
        let mut wrong: Vec<_> = self.wrong().collect();
        wrong.sort_by(|a, b| b.best[0].1.total_cmp(&a.best[0].1));
        wrong.truncate(count);
        wrong
    }

    /// Pictures and accuracy of each class.
    fn classes(&self) -> Vec<(usize, usize, f64)> {
        let mut classes: Vec<usize> = self.pictures.iter().map(|picture| picture.class).collect();
        classes.sort_unstable();
        classes.dedup();
        let of = |class| {
            let own = || self.pictures.iter().filter(move |picture| picture.class == class);
            (class, own().count(), Self::accuracy(own(), 1))
        };
        classes.into_iter().map(of).collect()
    }

    /// Every class, the most frequent confusions and the worst mistakes, and the accuracies.
    pub fn in_words(&self, labels: &Labels, worst: usize) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (class, count, accuracy) in self.classes() {
            let _ =
                writeln!(text, "{:>6.1} % of {count:>4}  {}", 100.0 * accuracy, labels.name(class));
        }
        for ((class, other), count) in self.confusions().into_iter().take(worst) {
            let (class, other) = (labels.name(class), labels.name(other));
            let _ = writeln!(text, "{count} × {class} taken for {other}");
        }
        for picture in self.worst(worst) {
            let (other, probability) = picture.best[0];
            let path = picture.path.display();
            let _ = writeln!(
                text,
                "{path}: {} at {probability:.3}, its own class at {:.3}",
                labels.name(other),
                picture.probability
            );
        }
        let accuracy = |count| 100.0 * Self::accuracy(self.pictures.iter(), count);
        let _ = write!(
            text,
            "{} {}: top-1 accuracy {:.2} %, top-{TOP} accuracy {:.2} %",
            self.pictures.len(),
            plural(self.pictures.len(), "image"),
            accuracy(1),
            accuracy(TOP)
        );
        text
    }

    /// The same as JSON.
    pub fn in_json(&self, labels: &Labels, worst: usize) -> Value {
        let classes = self.classes().into_iter().map(|(class, pictures, accuracy)| {
            json!({ "class": class, "label": labels.name(class), "pictures": pictures, "top_1": accuracy })
        });
        let confusions = self.confusions().into_iter().map(|((class, other), count)| {
            json!({ "class": class, "taken_for": other, "pictures": count })
        });
        let mistakes = self.worst(worst).into_iter().map(|picture| {
            let (other, score) = picture.best[0];
            json!({
                "file": picture.path.to_string_lossy(),
                "index": picture.index,
                "class": picture.class,
                "taken_for": other,
                "score": score,
                "score_of_class": picture.probability,
            })
        });
        json!({
            "pictures": self.pictures.len(),
            "top_1": self.top_1(),
            "top_5": Self::accuracy(self.pictures.iter(), TOP),
            "cross_entropy": self.cross_entropy(),
            "classes": classes.collect::<Vec<_>>(),
            "confusions": confusions.take(worst).collect::<Vec<_>>(),
            "worst": mistakes.collect::<Vec<_>>(),
        })
    }
}
