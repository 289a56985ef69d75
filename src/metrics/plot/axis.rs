//! A linear or logarithmic axis with round ticks and short labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::system::wording::with_separators;

/// The values between which a chart is drawn, and the ticks among them.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<f64>,
}

impl Axis {
    /// An axis of counts, such as steps: its ticks are whole numbers.
    pub(super) fn counts(values: impl Iterator<Item = f64>, max_ticks: usize) -> Option<Self> {
        let (low, high) = linear_room(ends(values)?);
        Some(Self { low, high, log: false, ticks: linear_ticks(low, high, max_ticks, 1.0) })
    }

    /// An axis on which all `values` are, with some room at its ends, or `None` if there are none.
    /// Their sizes are between 1e-200 and 1e200; zero and negative ones are for linear axes only.
    pub(super) fn around(
        values: impl Iterator<Item = f64>,
        log: bool,
        max_ticks: usize,
    ) -> Option<Self> {
        let ends = ends(values)?;
        let (low, high) = if log { log_room(ends) } else { linear_room(ends) };
        // Within a decade, a logarithmic axis reads best with the ticks of a linear one.
        let ticks = if log && high / low > 10.0 {
            log_ticks(low, high, max_ticks)
        } else {
            linear_ticks(low, high, max_ticks, 0.0)
        };
        Some(Self { low, high, log, ticks })
    }

    /// The labels of all ticks.
    pub(super) fn labels(&self) -> Vec<String> {
        self.ticks.iter().map(|tick| self.format_ext(tick)).collect()
    }

    /// Where `value` is between the ends, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.log { value.ln() } else { value };
        (place(value) - place(self.low)) / (place(self.high) - place(self.low))
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        (f64::from(first) + self.share(*value) * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There is no second, finer grid.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        if self.log {
            return label(*value, *value);
        }
        // A linear axis has one unit and one number of decimals for all its labels.
        let unit_of = self.low.abs().max(self.high.abs());
        let decimals = |tick: &f64| decimals(&label(*tick, unit_of));
        with_decimals(label(*value, unit_of), self.ticks.iter().map(decimals).max().unwrap_or(0))
    }
}

/// The digits after the point of a label that is a plain number.
fn decimals(label: &str) -> usize {
    match label.split_once('.') {
        Some((_, digits)) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.len(),
        _ => 0,
    }
}

/// A label padded with zeros to this many decimals, if it is a plain number.
fn with_decimals(mut label: String, wanted: usize) -> String {
    let missing = wanted - decimals(&label).min(wanted);
    if missing > 0 && label.ends_with(|last: char| last.is_ascii_digit()) && !label.contains('e') {
        if !label.contains('.') {
            label.push('.');
        }
        label.push_str(&"0".repeat(missing));
    }
    label
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

fn linear_room((low, high): (f64, f64)) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    let room = if size == 0.0 {
        1.0
    } else if high - low <= size * 1e-9 {
        // So little is noise of the arithmetic, and ticks as close would all have one label.
        size * 0.1
    } else {
        (high - low) * 0.04
    };
    // What is never negative is not drawn over negative numbers.
    let least = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    ((low - room).max(least), high + room)
}

fn log_room((low, high): (f64, f64)) -> (f64, f64) {
    let room = if low == high { 0.1 } else { (high.ln() - low.ln()) * 0.04 };
    ((low.ln() - room).exp(), (high.ln() + room).exp())
}

/// Multiples of the smallest of 1, 2 and 5 times a power of ten that gives at most `max_ticks`.
fn linear_ticks(low: f64, high: f64, max_ticks: usize, least_step: f64) -> Vec<f64> {
    let wanted = ((high - low) / max_ticks as f64).max(least_step);
    let power = 10_f64.powf(wanted.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        // Rounding makes 1 of 0.9999999: a step that is as good as wide enough is taken.
        .find(|step| *step >= wanted * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

/// The finest of a few divisions of each decade that gives at most `max_ticks`.
fn log_ticks(low: f64, high: f64, max_ticks: usize) -> Vec<f64> {
    let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let ticks = |factors: &[f64], stride: i32| -> Vec<f64> {
        let of_decade = |exponent: i32| factors.iter().map(move |f| f * 10_f64.powi(exponent));
        exponents
            .clone()
            .filter(|exponent| exponent % stride == 0)
            .flat_map(of_decade)
            .filter(|tick| (low..=high).contains(tick))
            .collect()
    };
    for factors in [[1.0, 2.0, 3.0, 5.0, 7.0].as_slice(), &[1.0, 2.0, 5.0], &[1.0, 3.0]] {
        let fine = ticks(factors, 1);
        if fine.len() <= max_ticks {
            return fine;
        }
    }
    let n_powers = ticks(&[1.0], 1).len();
    ticks(&[1.0], n_powers.div_ceil(max_ticks) as i32)
}

/// A number as a reader wants it, in the unit that suits a number of the size of `unit_of`:
/// 12,500, 25M, 0.05, 1e-5.
fn label(value: f64, unit_of: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = unit_of.abs();
    let (unit, suffix) = match size {
        1e13.. => (1.0, ""),
        1e10.. => (1e9, "G"),
        1e7.. => (1e6, "M"),
        _ => (1.0, ""),
    };
    // Ten digits are more than ticks have, and hide that 3 × 0.1 is 0.30000000000000004.
    let scientific = format!("{:.9e}", value / unit);
    let rounded: f64 = scientific.parse().unwrap_or(value / unit);
    if size >= 1e13 || rounded.abs() < 1e-4 {
        return format!("{rounded:e}");
    }
    with_separators(&rounded.to_string()) + suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(values: &[f64]) -> Vec<String> {
        Axis::around(values.iter().copied(), false, 8).unwrap().labels()
    }

    fn log(values: &[f64]) -> Vec<String> {
        Axis::around(values.iter().copied(), true, 8).unwrap().labels()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(linear(&[0.0, 1.0]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            linear(&[-0.2, 0.1]),
            ["-0.20", "-0.15", "-0.10", "-0.05", "0.00", "0.05", "0.10"]
        );
        assert_eq!(linear(&[300.0, 17_251.0]), ["0", "5,000", "10,000", "15,000"]);
        assert_eq!(linear(&[0.0, 3e7]), ["0", "5M", "10M", "15M", "20M", "25M", "30M"]);
        assert_eq!(linear(&[0.0, 3e-5]), ["0", "5e-6", "1e-5", "1.5e-5", "2e-5", "2.5e-5", "3e-5"]);
    }

    #[test]
    fn logarithmic_ticks_thin_out_as_decades_come_in() {
        assert_eq!(log(&[80.0, 800.0]), ["100", "200", "300", "500", "700"]);
        assert_eq!(log(&[80.0, 8_000.0]), ["100", "200", "500", "1,000", "2,000", "5,000"]);
        assert_eq!(log(&[0.001, 1.0]), ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"]);
        assert_eq!(
            log(&[1e-6, 1e8]),
            ["1e-6", "0.0001", "0.01", "1", "100", "10,000", "1,000,000", "100M"]
        );
        assert_eq!(log(&[1e-200, 1e200]).len(), 7);
        assert_eq!(log(&[100.0, 200.0]), ["100", "120", "140", "160", "180", "200"]);
    }

    #[test]
    fn counts_have_whole_ticks() {
        let labels = |values: &[f64]| Axis::counts(values.iter().copied(), 8).unwrap().labels();
        assert_eq!(labels(&[1.0, 3.0]), ["1", "2", "3"]);
        assert_eq!(labels(&[0.0]), ["0", "1"]);
        assert_eq!(labels(&[5.0]), ["5"]);
    }

    #[test]
    fn one_value_and_extreme_values_have_an_axis() {
        for values in [[0.0, 0.0], [7.0, 7.0], [-1e200, 1e200], [1e17, 1e17 + 16.0], [1e-200, 0.0]]
        {
            let axis = Axis::around(values.into_iter(), false, 8).unwrap();
            assert!((1..=8).contains(&axis.ticks.len()), "{axis:?}");
            for value in values {
                assert!((0.0..=1.0).contains(&axis.share(value)), "{value} on {axis:?}");
            }
        }
        assert!(Axis::around([7.0].into_iter(), true, 8).unwrap().ticks.contains(&7.0));
        assert!(Axis::around(std::iter::empty(), false, 8).is_none());
    }

    #[test]
    fn values_are_mapped_between_the_pixels() {
        let axis = Axis::around([1.0, 100.0].into_iter(), true, 8).unwrap();
        assert_eq!(axis.map(&10.0, (1000, 0)), 500);
        assert_eq!((axis.map(&axis.low, (1000, 0)), axis.map(&axis.high, (1000, 0))), (1000, 0));
    }
}
