//! When training ends before its last epoch.

use serde::{Deserialize, Serialize};

use crate::system::wording::counted;

/// The best BLEU of the development text so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// None before the first epoch has ended.
    bleu: Option<f64>,
    /// Epochs since then.
    epochs_since: u64,
    /// The steps done when the last epoch was evaluated.
    #[serde(alias = "ends_at")]
    evaluated_at: Option<u64>,
}

impl Best {
    /// Takes the BLEU of an epoch that ended with step `steps`.
    pub fn add(&mut self, bleu: f64, steps: u64) {
        self.epochs_since += 1;
        if self.bleu.is_none_or(|best| bleu > best) {
            (self.bleu, self.epochs_since) = (Some(bleu), 0);
        }
        self.evaluated_at = Some(steps);
    }

    /// The step after which training ends: that of the last evaluation, after `patience` epochs
    /// without a better BLEU; 0: it does not end.
    pub fn ends_at(&self, patience: u64) -> Option<u64> {
        self.evaluated_at.filter(|_| patience > 0 && self.epochs_since >= patience)
    }

    /// Reports early stopping.
    pub fn say(&self) {
        let (epochs, bleu) = (counted(self.epochs_since, "epoch"), self.bleu.unwrap_or_default());
        tracing::info!(
            "Early stopping: no dev BLEU above {bleu:.2} in {epochs}; --checkpoint best uses the best \
            epoch, and a larger train.patience continues"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_ends_when_bleu_has_not_risen_for_long() {
        let mut best = Best::default();
        let ends: Vec<Option<u64>> = [10.0, 12.0, 11.0, 12.5, 12.5, 12.0]
            .into_iter()
            .zip(1..)
            .map(|(bleu, epoch)| {
                best.add(bleu, epoch * 100);
                best.ends_at(2)
            })
            .collect();
        assert_eq!(ends, [None, None, None, None, None, Some(600)]);
        // With more patience the same run continues.
        assert_eq!((best.ends_at(3), best.ends_at(0)), (None, None));
        let saved = serde_json::to_value(best).unwrap();
        assert_eq!(serde_json::from_value::<Best>(saved).unwrap(), best);
    }

    #[test]
    fn the_first_epoch_is_the_best_so_far_whatever_its_bleu() {
        let mut best = Best::default();
        best.add(0.0, 100);
        assert_eq!(best.ends_at(1), None);
        best.add(0.0, 200);
        assert_eq!(best.ends_at(1), Some(200));
    }

    #[test]
    fn the_state_of_older_checkpoints_is_read() {
        let older = serde_json::json!({ "bleu": 12.5, "epochs_since": 2, "ends_at": 600 });
        let best: Best = serde_json::from_value(older).unwrap();
        assert_eq!(best, Best { bleu: Some(12.5), epochs_since: 2, evaluated_at: Some(600) });
        let older = serde_json::json!({ "bleu": 12.5, "epochs_since": 1, "ends_at": null });
        assert_eq!(serde_json::from_value::<Best>(older).unwrap().ends_at(1), None);
    }
}
