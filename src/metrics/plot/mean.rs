//! Runs that differ by their seeds as one: their mean, and the band that they lie in.

use super::{BOUND, Curve, unique};

/// The curves of all runs as those of one: for each phase the mean of the runs at the steps that all
/// of them have, and the lowest and the highest value there. A lower bound stays what it is.
pub(super) fn mean(curves: &[Curve], runs: usize) -> Vec<Curve> {
    let run = format!("mean of {runs} runs, lowest to highest");
    let phases = unique(curves.iter().map(|curve| curve.phase.as_str()));
    let of_phase = |phase: &str| -> Vec<&Curve> {
        curves.iter().filter(|curve| curve.phase == phase).collect()
    };
    let named = |curve: Curve| Curve { run: run.clone(), ..curve };
    let means = phases.into_iter().map(|phase| match &of_phase(phase)[..] {
        [bound, ..] if phase == BOUND => (*bound).clone(),
        several => mean_of_phase(several),
    });
    means.map(named).collect()
}

fn mean_of_phase(curves: &[&Curve]) -> Curve {
    let (first, others) = (curves[0], &curves[1..]);
    let mut both = Curve { points: Vec::new(), band: Vec::new(), ..first.clone() };
    for &(x, y) in &first.points {
        // A gap of the first run is one of the mean.
        if x.is_nan() {
            both.points.push((x, y));
            both.band.push((y, y));
            continue;
        }
        let other = |curve: &&Curve| curve.points.iter().find(|point| point.0 == x).map(|p| p.1);
        let Some(others) = others.iter().map(other).collect::<Option<Vec<f64>>>() else { continue };
        let values = || others.iter().copied().chain([y]);
        both.points.push((x, values().sum::<f64>() / curves.len() as f64));
        both.band.push((values().fold(y, f64::min), values().fold(y, f64::max)));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(run: &str, phase: &str, points: &[(f64, f64)]) -> Curve {
        let (run, phase) = (run.to_owned(), phase.to_owned());
        Curve { run, phase, points: points.to_vec(), band: Vec::new() }
    }

    #[test]
    fn the_mean_goes_as_far_as_all_runs_do() {
        let curves = [
            curve("a", "train", &[(1.0, 4.0), (2.0, 3.0), (3.0, 1.0)]),
            curve("a", BOUND, &[(1.0, 0.5), (3.0, 0.5)]),
            curve("b", "train", &[(1.0, 8.0), (2.0, 3.0)]),
            curve("c", "train", &[(1.0, 6.0), (2.0, 6.0), (3.0, 2.0)]),
            curve("c", "test", &[(3.0, 2.0)]),
        ];
        let [train, floor, test] = &mean(&curves, 3)[..] else { panic!("three phases") };
        assert!(train.run == "mean of 3 runs, lowest to highest" && floor.run == train.run);
        assert_eq!(train.points, [(1.0, 6.0), (2.0, 4.0)]);
        assert_eq!(train.band, [(4.0, 8.0), (3.0, 6.0)]);
        assert_eq!(floor.points, [(1.0, 0.5), (3.0, 0.5)]);
        assert_eq!((&test.points[..], &test.band[..]), (&[(3.0, 2.0)][..], &[(2.0, 2.0)][..]));
    }
}
