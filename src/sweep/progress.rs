//! The status line of a sweep.

use std::time::Duration;

use crate::console;
use crate::system::wording::counted;

/// Draws how many points have ended, how many are running, and the total; `times` are the seconds
/// of those that have ended, `jobs` is how many are trained at a time.
pub(super) fn draw(name: &str, [done, working, total]: [usize; 3], times: &[f64], jobs: usize) {
    console::status(|width| {
        let points = counted(total, "point");
        let mut parts = vec![format!("{done} of {points}, {working} running")];
        if !times.is_empty() {
            let mean = times.iter().sum::<f64>() / times.len() as f64;
            let left = mean * (total - done) as f64 / jobs.max(1) as f64;
            parts.push(format!("about {} left", console::duration(Duration::from_secs_f64(left))));
        }
        console::fit(name, done as f64 / total.max(1) as f64, &parts, width)
    });
}
