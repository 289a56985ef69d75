//! Which ink is the digit: connected patches, without specks and without what the picture's edge
//! cuts.

use image::imageops;

use super::Ink;

/// Ink of at least this strength belongs to a patch.
const STRONG: f32 = 0.4;
/// A patch of less than this share of the largest is a speck.
const SPECK: f64 = 0.1;

/// Connected pixels of strong ink.
struct Patch {
    pixels: Vec<(u32, u32)>,
    at_edge: bool,
}

/// The digit's ink in the smallest box that holds it.
///
/// Lines of the paper and dark corners go to the picture's edge: where something does not, and is
/// no speck, only that is kept.
pub(super) fn cut_out(ink: &Ink) -> Ink {
    let patches = patches(ink);
    let largest = |patches: &mut dyn Iterator<Item = &Patch>| {
        patches.map(|patch| patch.pixels.len()).max().unwrap_or(0)
    };
    let of_all = largest(&mut patches.iter());
    let of_inner = largest(&mut patches.iter().filter(|patch| !patch.at_edge));
    let only_inner = of_inner as f64 >= SPECK * of_all as f64;
    let least = SPECK * if only_inner { of_inner } else { of_all } as f64;
    let kept =
        |patch: &&Patch| patch.pixels.len() as f64 >= least && !(only_inner && patch.at_edge);

    let (width, height) = ink.dimensions();
    let mut digit = Ink::new(width, height);
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for &(x, y) in patches.iter().filter(kept).flat_map(|patch| &patch.pixels) {
        // The weak ink of a stroke's edge goes with it.
        for (x, y) in around((x, y), ink.dimensions()) {
            digit.put_pixel(x, y, *ink.get_pixel(x, y));
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    // Without strong ink, all is kept.
    if right <= left {
        return ink.clone();
    }
    imageops::crop_imm(&digit, left, top, right - left, bottom - top).to_image()
}

fn patches(ink: &Ink) -> Vec<Patch> {
    let (width, height) = ink.dimensions();
    let mut open: Vec<bool> = ink.iter().map(|&value| value >= STRONG).collect();
    let at = |(x, y): (u32, u32)| (y * width + x) as usize;
    let mut patches = Vec::new();
    for seed in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        if !std::mem::take(&mut open[at(seed)]) {
            continue;
        }
        let mut patch = Patch { pixels: vec![seed], at_edge: false };
        let mut next = 0;
        while let Some(&(x, y)) = patch.pixels.get(next) {
            patch.at_edge |= x == 0 || y == 0 || x + 1 == width || y + 1 == height;
            let beside = around((x, y), (width, height));
            patch.pixels.extend(beside.filter(|&pixel| std::mem::take(&mut open[at(pixel)])));
            next += 1;
        }
        patches.push(patch);
    }
    patches
}

/// A pixel and those that touch it, within a picture of the given size.
fn around((x, y): (u32, u32), (width, height): (u32, u32)) -> impl Iterator<Item = (u32, u32)> {
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| (x, y)))
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    fn of(rows: &[&str]) -> Ink {
        Ink::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| {
            Luma([if rows[y as usize].as_bytes()[x as usize] == b'#' { 1.0 } else { 0.0 }])
        })
    }

    #[test]
    fn specks_and_what_the_edge_cuts_are_left_out() {
        let whole = of(&[
            "#..................",
            "#....######........",
            "#..........#.......",
            "#..........#.....#.",
            "#.....#####........",
            "#..................",
        ]);
        let cut = cut_out(&whole);
        assert_eq!(cut.dimensions(), (9, 6));
        assert_eq!(cut.iter().sum::<f32>(), 13.0);
    }

    #[test]
    fn a_digit_that_the_edge_cuts_is_kept_where_nothing_else_is() {
        let cut = cut_out(&of(&["..#....", "..#....", "..#....", "..#...."]));
        assert_eq!((cut.dimensions(), cut.iter().sum::<f32>()), ((3, 4), 4.0));
    }
}
