//! Runs that differ by their seeds as one: their mean, and the band that they are in.

use super::{Curve, has_place, unique};

/// How far, in relation to its place, a curve of one point is good for.
const NEAR: f64 = 0.05;

/// The curves of all runs as those of one: for each phase the mean of the runs at the points of the
/// first, and the lowest and the highest value there. Between its points a run is on a line.
pub(super) fn mean(curves: &[Curve], runs: usize) -> Vec<Curve> {
    let run = format!("mean of {runs} runs, lowest to highest");
    let phases = unique(curves.iter().map(|curve| curve.phase.as_str()));
    let of_phase = |phase: &str| -> Vec<&Curve> {
        curves.iter().filter(|curve| curve.phase == phase).collect()
    };
    let means = phases.into_iter().map(|phase| mean_of_phase(&of_phase(phase)));
    means.map(|curve| Curve { run: run.clone(), ..curve }).collect()
}

fn mean_of_phase(curves: &[&Curve]) -> Curve {
    let (first, others) = (curves[0], &curves[1..]);
    let others: Vec<Vec<(f64, f64)>> = others.iter().map(|curve| in_order(curve)).collect();
    let mut both = Curve { points: Vec::new(), band: Vec::new(), ..first.clone() };
    for &(x, y) in &first.points {
        // A gap of the first run is one of the mean.
        if x.is_nan() {
            both.points.push((x, y));
            both.band.push((y, y));
            continue;
        }
        let other = |points: &Vec<(f64, f64)>| value_at(points, x);
        let Some(others) = others.iter().map(other).collect::<Option<Vec<f64>>>() else { continue };
        let values = || others.iter().copied().chain([y]);
        both.points.push((x, values().sum::<f64>() / curves.len() as f64));
        both.band.push((values().fold(y, f64::min), values().fold(y, f64::max)));
    }
    both
}

/// The points of a curve that have a place, from left to right; of two at one place the last.
fn in_order(curve: &Curve) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = curve.points.iter().copied().filter(|of| has_place(*of)).collect();
    points.reverse();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    points
}

/// The value at `x`, on a line between the points beside it. Epochs of two seeds may differ by a few
/// steps: beyond its ends a curve keeps its value for half the distance of the last two points.
fn value_at(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = points.partition_point(|point| point.0 < x);
    let (before, next) = (after.checked_sub(1).map(|at| points[at]), points.get(after).copied());
    let keeps = |end: (f64, f64), neighbour: Option<&(f64, f64)>| {
        let reach = neighbour.map_or(NEAR * end.0.abs(), |of| (of.0 - end.0).abs() / 2.0);
        ((x - end.0).abs() <= reach).then_some(end.1)
    };
    match (before, next) {
        (_, Some((there, y))) if there == x => Some(y),
        (Some((x0, y0)), Some((x1, y1))) => Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0)),
        (None, Some(end)) => keeps(end, points.get(1)),
        (Some(end), None) => keeps(end, points.iter().rev().nth(1)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::BOUND;
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
            curve("c", BOUND, &[(1.0, 1.5), (3.0, 1.5)]),
            curve("c", "test", &[(3.0, 2.0)]),
        ];
        let [train, floor, test] = &mean(&curves, 3)[..] else { panic!("three phases") };
        assert!(train.run == "mean of 3 runs, lowest to highest" && floor.run == train.run);
        assert_eq!(train.points, [(1.0, 6.0), (2.0, 4.0)]);
        assert_eq!(train.band, [(4.0, 8.0), (3.0, 6.0)]);
        assert_eq!(floor.points, [(1.0, 1.0), (3.0, 1.0)]);
        assert_eq!((&test.points[..], &test.band[..]), (&[(3.0, 2.0)][..], &[(2.0, 2.0)][..]));
    }

    /// The texts of two seeds have not the same number of words.
    #[test]
    fn epochs_may_differ_by_a_few_steps() {
        let curves = [
            curve("a", "valid", &[(100.0, 8.0), (200.0, 4.0), (300.0, 2.0)]),
            curve("b", "valid", &[(102.0, 8.0), (204.0, 4.0), (306.0, 2.0), (306.0, 3.0)]),
            curve("a", "test", &[(300.0, 2.0)]),
            curve("b", "test", &[(306.0, 4.0)]),
        ];
        let [valid, test] = &mean(&curves, 2)[..] else { panic!("two phases") };
        let at = |i: usize| valid.points[i];
        assert_eq!((valid.points.len(), at(0)), (3, (100.0, 8.0)));
        assert!((at(1).1 - 4.0784).abs() < 1e-4 && (at(2).1 - 2.5294).abs() < 1e-4, "{valid:?}");
        assert_eq!(test.points, [(300.0, 3.0)]);
        // Twice as long is another run.
        let longer = [curve("a", "test", &[(300.0, 2.0)]), curve("b", "test", &[(600.0, 4.0)])];
        assert!(mean(&longer, 2)[0].points.is_empty());
    }
}
