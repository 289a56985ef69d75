//! The ten shapes as distances: negative inside, positive outside, 0 on the outline.
//!
//! The formulas of triangle, star and heart are Inigo Quilez's ("2D distance functions"). Where
//! two parts are joined or cut, the distance is exact on the outline alone, which is all that a
//! soft edge needs.

use super::super::transform::Point;

/// The distance of a point to the outline of the class `label`, whose extent is about 1.
#[inline(always)]
pub(super) fn distance(label: u8, (x, y): Point) -> f32 {
    match label {
        0 => disc((x, y), 0.95),
        1 => rectangle((x, y), (0.8, 0.8)),
        2 => triangle((x, y)),
        3 => star((x, y)),
        4 => rectangle((x, y), (1.05, 0.3)).min(rectangle((x, y), (0.3, 1.05))),
        5 => disc((x, y), 0.78).abs() - 0.22,
        6 => disc((x, y), 1.05).max(-disc((x - 0.6, y), 0.85)),
        // Three bars: the outer two are mirror images.
        7 => rectangle((x, y.abs() - 0.75), (0.95, 0.21)).min(rectangle((x, y), (0.95, 0.21))),
        8 => heart((x, y)),
        _ => hourglass((x, y)),
    }
}

#[inline(always)]
fn length((x, y): Point) -> f32 {
    (x * x + y * y).sqrt()
}

#[inline(always)]
fn disc(point: Point, radius: f32) -> f32 {
    length(point) - radius
}

#[inline(always)]
fn rectangle((x, y): Point, (half_width, half_height): Point) -> f32 {
    let (x, y) = (x.abs() - half_width, y.abs() - half_height);
    length((x.max(0.0), y.max(0.0))) + x.max(y).min(0.0)
}

/// An equilateral triangle: the farthest of its three sides.
#[inline(always)]
fn triangle((x, y): Point) -> f32 {
    const HALF_ROOT_3: f32 = 0.866_025_4;
    (y.max(HALF_ROOT_3 * x.abs() - 0.5 * y)) - 0.58
}

/// A star with five points, folded onto half of one of them.
#[inline(always)]
fn star((x, y): Point) -> f32 {
    // Cosine and sine of 36 degrees.
    const FOLD: Point = (0.809_017, -0.587_785_25);
    const RADIUS: f32 = 1.15;
    const INNER: f32 = 0.45;
    let (mut x, mut y) = (x.abs(), y);
    for mirror in [FOLD, (-FOLD.0, FOLD.1)] {
        let beyond = 2.0 * (mirror.0 * x + mirror.1 * y).max(0.0);
        (x, y) = (x - beyond * mirror.0, y - beyond * mirror.1);
    }
    (x, y) = (x.abs(), y - RADIUS);
    let (side_x, side_y) = (-FOLD.1 * INNER, FOLD.0 * INNER - 1.0);
    let squared = side_x * side_x + side_y * side_y;
    let along = ((x * side_x + y * side_y) / squared).clamp(0.0, RADIUS);
    let off = length((x - side_x * along, y - side_y * along));
    if y * side_x - x * side_y > 0.0 { off } else { -off }
}

/// A heart with its tip below, about 1.9 high.
#[inline(always)]
fn heart((x, y): Point) -> f32 {
    const SCALE: f32 = 1.75;
    const QUARTER_ROOT_2: f32 = 0.353_553_4;
    let (x, y) = (x.abs() / SCALE, 0.55 - y / SCALE);
    let distance = if x + y > 1.0 {
        length((x - 0.25, y - 0.75)) - QUARTER_ROOT_2
    } else {
        let side = 0.5 * (x + y).max(0.0);
        let near = length((x, y - 1.0)).min(length((x - side, y - side)));
        if x > y { near } else { -near }
    };
    distance * SCALE
}

/// Two triangles, tip to tip.
#[inline(always)]
fn hourglass((x, y): Point) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    // The sides lean by 0.9: the first number is the length of (1, 0.9).
    const SLOPE: f32 = 1.345_362_4;
    (y - 0.95).max((x - 0.9 * y - 0.06) / SLOPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f32 = 0.05;

    fn grid() -> impl Iterator<Item = Point> {
        (-30..=30).flat_map(|y| (-30..=30).map(move |x| (x as f32 * STEP, y as f32 * STEP)))
    }

    #[test]
    fn shapes_are_about_as_large_and_stay_inside() {
        for label in 0..10 {
            let inside = grid().filter(|&point| distance(label, point) < 0.0).count();
            let area = inside as f32 * STEP * STEP;
            assert!((1.0..3.0).contains(&area), "class {label}: area {area}");
            let outside = grid().filter(|&(x, y)| length((x, y)) > 1.35);
            for point in outside {
                assert!(distance(label, point) > 0.0, "class {label} at {point:?}");
            }
        }
    }

    #[test]
    fn distances_grow_no_faster_than_the_way() {
        for (label, (x, y)) in (0..10).flat_map(|label| grid().map(move |point| (label, point))) {
            let here = distance(label, (x, y));
            for there in [distance(label, (x + STEP, y)), distance(label, (x, y + STEP))] {
                assert!((here - there).abs() <= STEP * 1.01, "class {label} at ({x}, {y})");
            }
        }
    }

    #[test]
    fn shapes_are_their_own_mirror_images() {
        for (label, (x, y)) in (0..10).flat_map(|label| grid().map(move |point| (label, point))) {
            // The crescent's axis lies across.
            let mirrored = if label == 6 { (x, -y) } else { (-x, y) };
            let (here, there) = (distance(label, (x, y)), distance(label, mirrored));
            assert!((here - there).abs() < 1e-5, "class {label} at ({x}, {y}): {here} {there}");
        }
    }
}
