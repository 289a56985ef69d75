//! Learning rates as functions of the step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// A learning rate that follows the step, which counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// The same rate in every step.
    Constant {
        /// The rate.
        rate: f64,
    },
    /// rate · factor^⌊step / every⌋, TensorFlow's `ExponentialDecay` with `staircase`.
    Staircase {
        /// The first rate.
        rate: f64,
        /// The steps between two falls.
        every: u64,
        /// What the rate is multiplied by in each fall.
        factor: f64,
    },
    /// The full rate for some epochs, then multiplied by a factor in each epoch:
    /// rate · decay^max(epoch + 1 - hold, 0) (Zaremba et al., arXiv 1409.2329).
    Hold {
        /// The first rate.
        rate: f64,
        /// The epochs at the full rate.
        hold: u64,
        /// What the rate is multiplied by in each later epoch.
        decay: f64,
        /// The steps of an epoch.
        steps_per_epoch: u64,
    },
    /// A rise on a line, then a fall by the inverse root of the step (Vaswani et al.,
    /// arXiv 1706.03762, equation 3): with n = step + 1,
    /// rate · min(n / warmup, √(warmup / n)). The paper's rate is 1 / √(d_model · warmup).
    Root {
        /// The highest rate, that of step `warmup - 1`.
        rate: f64,
        /// The steps of the rise.
        warmup: u64,
    },
    /// A rise on a line from zero, then a fall on half a cosine (Loshchilov and Hutter,
    /// arXiv 1608.03983) to a floor: TensorFlow's `CosineDecay` with `warmup_target`.
    Cosine {
        /// The highest rate, that of step `warmup`.
        rate: f64,
        /// The steps of the rise; zero for none.
        warmup: u64,
        /// The step from which on the rate is `floor`.
        steps: u64,
        /// The last rate.
        floor: f64,
    },
}

impl Schedule {
    /// The learning rate of a step.
    pub fn rate(&self, step: u64) -> f64 {
        match *self {
            Self::Constant { rate } => rate,
            Self::Staircase { rate, every, factor } => {
                rate * factor.powf((step / every.max(1)) as f64)
            }
            Self::Hold { rate, hold, decay, steps_per_epoch } => {
                let epoch = step / steps_per_epoch.max(1);
                rate * decay.powf((epoch + 1).saturating_sub(hold) as f64)
            }
            Self::Root { rate, warmup } => {
                let rise = (step + 1) as f64 / warmup.max(1) as f64;
                rate * rise.min(rise.recip().sqrt())
            }
            Self::Cosine { rate, warmup, .. } if step < warmup => {
                rate * (step as f64 / warmup as f64)
            }
            Self::Cosine { rate, warmup, steps, floor } => {
                let all = steps.saturating_sub(warmup).max(1);
                let done = (step - warmup).min(all) as f64 / all as f64;
                floor + (rate - floor) * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }

    /// Checks the range of every value.
    ///
    /// # Errors
    /// The key and the rule that its value breaks.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let broken = match *self {
            Self::Constant { rate } => not_a_rate("rate", rate),
            Self::Staircase { rate, every, factor } => {
                not_a_rate("rate", rate).or(zero("every", every)).or(not_a_rate("factor", factor))
            }
            Self::Hold { rate, decay, steps_per_epoch, .. } => not_a_rate("rate", rate)
                .or(not_a_rate("decay", decay))
                .or(zero("steps_per_epoch", steps_per_epoch)),
            Self::Root { rate, warmup } => not_a_rate("rate", rate).or(zero("warmup", warmup)),
            Self::Cosine { rate, warmup, steps, floor } => not_a_rate("rate", rate)
                .or(not_a_rate("floor", floor))
                .or((steps <= warmup).then(|| ("steps", format!("must be above {warmup}")))),
        };
        broken.map_or(Ok(()), Err)
    }
}

fn not_a_rate(key: &'static str, value: f64) -> Option<(&'static str, String)> {
    let holds = value >= 0.0 && value.is_finite();
    (!holds).then(|| (key, "must be at least 0".to_string()))
}

fn zero(key: &'static str, value: u64) -> Option<(&'static str, String)> {
    (value == 0).then(|| (key, "must be at least 1".to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_rates(schedule: Schedule, steps: &[u64], want: &[f64]) {
        assert_eq!(schedule.check(), Ok(()));
        for (&step, want) in steps.iter().zip(want) {
            let got = schedule.rate(step);
            assert!((got - want).abs() <= 1e-6 * want, "{schedule:?} at {step}: {got} and {want}");
        }
    }

    #[test]
    fn constant_stays() {
        assert_rates(Schedule::Constant { rate: 0.3 }, &[0, 1, u64::MAX], &[0.3; 3]);
    }

    /// ```python
    /// import tensorflow as tf
    /// rate = tf.keras.optimizers.schedules.ExponentialDecay(0.5, 4, 0.3, staircase=True)
    /// print([float(rate(t)) for t in (0, 3, 4, 11)])
    /// ```
    #[test]
    fn staircase_equals_tensorflow() {
        let schedule = Schedule::Staircase { rate: 0.5, every: 4, factor: 0.3 };
        assert_rates(schedule, &[0, 3, 4, 11], &[0.5, 0.5, 0.150_000_006, 0.045_000_002]);
    }

    /// The rates of Zaremba et al.'s small model, epoch by epoch: the first four are full.
    #[test]
    fn hold_equals_the_language_models_rates() {
        let schedule = Schedule::Hold { rate: 1.0, hold: 4, decay: 0.5, steps_per_epoch: 10 };
        let steps = [0, 30, 39, 40, 49, 50, 69];
        assert_rates(schedule, &steps, &[1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.125]);
    }

    /// Equation 3 of the paper itself, with d_model = 512 and 4,000 steps of warm-up.
    #[test]
    fn root_equals_the_transformers_rates() {
        let schedule = Schedule::Root { rate: (512.0f64 * 4000.0).sqrt().recip(), warmup: 4000 };
        let paper = |n: f64| 512f64.powf(-0.5) * n.powf(-0.5).min(n * 4000f64.powf(-1.5));
        let steps = [0, 99, 3_999, 4_000, 99_999];
        assert_rates(schedule, &steps, &steps.map(|step| paper((step + 1) as f64)));
        assert_rates(schedule, &[3_999, 99_999], &[6.987_712_43e-4, 1.397_542_49e-4]);
    }

    /// ```python
    /// import tensorflow as tf
    /// rate = tf.keras.optimizers.schedules.CosineDecay(
    ///     0.0, 10, alpha=0.1, warmup_target=0.5, warmup_steps=4)
    /// print([float(rate(t)) for t in (0, 1, 4, 7, 9, 13, 14, 50)])
    /// ```
    #[test]
    fn cosine_equals_tensorflow() {
        let schedule = Schedule::Cosine { rate: 0.5, warmup: 4, steps: 14, floor: 0.05 };
        let want = [0.0, 0.125, 0.5, 0.407_251_7, 0.275, 0.061_012_29, 0.05, 0.05];
        assert_rates(schedule, &[0, 1, 4, 7, 9, 13, 14, 50], &want);
    }

    #[test]
    fn is_read_by_name_and_checked() {
        let read = |text: &str| serde_json::from_str::<Schedule>(text);
        let staircase = Schedule::Staircase { rate: 0.5, every: 4, factor: 0.3 };
        let text = r#"{"name": "staircase", "rate": 0.5, "every": 4, "factor": 0.3}"#;
        assert_eq!(read(text).unwrap(), staircase);
        assert_eq!(read(&serde_json::to_string(&staircase).unwrap()).unwrap(), staircase);
        assert!(read(r#"{"name": "constant", "rate": 0.5, "warmup": 4}"#).is_err());
        let key = |schedule: Schedule| schedule.check().unwrap_err().0;
        assert_eq!(key(Schedule::Constant { rate: f64::NAN }), "rate");
        assert_eq!(key(Schedule::Root { rate: 1.0, warmup: 0 }), "warmup");
        let cosine = Schedule::Cosine { rate: 1.0, warmup: 9, steps: 9, floor: 0.0 };
        assert_eq!(key(cosine), "steps");
    }
}
