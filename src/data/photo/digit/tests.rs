use super::*;
use crate::data::Split;
use crate::data::synthetic::{Digits, SyntheticImages};
use crate::rng::Stream;
use image::Luma;

/// A seven with straight strokes, in coordinates from 0 to 1.
fn seven(x: f32, y: f32, half_width: f32) -> bool {
    let near = |(x0, y0): (f32, f32), (x1, y1): (f32, f32)| {
        let (dx, dy) = (x1 - x0, y1 - y0);
        let along = (((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        let (off_x, off_y) = (x - x0 - along * dx, y - y0 - along * dy);
        off_x * off_x + off_y * off_y < half_width * half_width
    };
    near((0.3, 0.25), (0.7, 0.25)) || near((0.7, 0.25), (0.45, 0.8))
}

/// A photograph: paper lit from one side, noise, and a line of the paper if asked for.
fn photograph(width: u32, height: u32, half_width: f32, inverted: bool, ruled: bool) -> RgbImage {
    let mut random = Stream::new(1, "test").at(0);
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let light = 205.0 - 70.0 * u - 25.0 * v * v;
        let mut value = light;
        if ruled && (v - 0.92).abs() < 0.01 {
            value -= 60.0;
        }
        if seven(u, v, half_width) {
            value -= 95.0;
        }
        value += random.uniform_between(-12.0, 12.0);
        let value = if inverted { 255.0 - value } else { value };
        image::Rgb([value as u8, (value + 5.0) as u8, (value + 2.0) as u8])
    })
}

fn columns_and_rows(pixels: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let ink = |at: usize| pixels[at] > 60;
    let used = |line: &dyn Fn(usize, usize) -> usize| {
        (0..DIGIT_SIDE).filter(|&i| (0..DIGIT_SIDE).any(|j| ink(line(i, j)))).collect::<Vec<_>>()
    };
    (used(&|i, j| j * DIGIT_SIDE + i), used(&|i, j| i * DIGIT_SIDE + j))
}

fn centre_of_mass(pixels: &[u8]) -> (f64, f64) {
    let mass: f64 = pixels.iter().map(|&byte| f64::from(byte)).sum();
    let moment = |part: fn(usize) -> usize| {
        let each = pixels.iter().enumerate();
        each.map(|(at, &byte)| (part(at) as f64 + 0.5) * f64::from(byte)).sum::<f64>() / mass
    };
    (moment(|at| at % DIGIT_SIDE), moment(|at| at / DIGIT_SIDE))
}

#[test]
fn photographs_of_any_kind_become_the_same_digit() {
    let wanted = normalise(&photograph(300, 400, 0.05, false, false)).unwrap();
    for (width, height, half_width, inverted, ruled) in [
        (300, 400, 0.05, true, false),
        (900, 1200, 0.05, false, true),
        (60, 80, 0.05, false, false),
        (300, 400, 0.012, false, true),
        (30, 40, 0.05, true, false),
    ] {
        let pixels = normalise(&photograph(width, height, half_width, inverted, ruled)).unwrap();
        let difference: u32 = wanted.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b) as u32).sum();
        let ink: u32 = wanted.iter().map(|&byte| u32::from(byte)).sum();
        // A thinner pen leaves thinner strokes.
        let share = f64::from(difference) / f64::from(ink);
        assert!(share < 0.55, "{width}×{height}, {half_width}: {share}");
    }
}

#[test]
fn a_digit_is_boxed_and_centred_by_its_mass() {
    let pixels = normalise(&photograph(300, 400, 0.05, false, false)).unwrap();
    let (columns, rows) = columns_and_rows(&pixels);
    assert!((18..=20).contains(&rows.len()), "{rows:?}");
    assert!((9..=17).contains(&columns.len()), "{columns:?}");
    let (x, y) = centre_of_mass(&pixels);
    assert!((x - 14.0).abs() <= 0.6 && (y - 14.0).abs() <= 0.6, "({x}, {y})");
    assert_eq!(pixels.iter().max(), Some(&255));
    assert_eq!(pixels[0], 0);
}

#[test]
fn thin_and_flat_strokes_stay_in_the_picture() {
    for (x, y) in [(3..57, 28..31), (28..31, 3..57)] {
        let ink = |column, row| if x.contains(&column) && y.contains(&row) { 0 } else { 250 };
        let picture = RgbImage::from_fn(60, 60, |x, y| image::Rgb([ink(x, y); 3]));
        let (columns, rows) = columns_and_rows(&normalise(&picture).unwrap());
        let (long, short) = (columns.len().max(rows.len()), columns.len().min(rows.len()));
        assert!((18..=20).contains(&long) && (1..=3).contains(&short), "{long} × {short}");
    }
}

#[test]
fn digits_that_have_the_form_keep_it() {
    let mut pixels = vec![0; Digits::BYTES];
    let digits = Digits::new(1, Split::Test);
    for index in 0..50 {
        digits.draw(index, &mut pixels);
        let picture =
            RgbImage::from_fn(28, 28, |x, y| image::Rgb([pixels[(y * 28 + x) as usize]; 3]));
        let (x, y) = centre_of_mass(&normalise(&picture).unwrap());
        assert!((x - 14.0).abs() <= 0.6 && (y - 14.0).abs() <= 0.6, "({x}, {y})");
    }
}

#[test]
fn nothing_is_no_digit() {
    let mut random = Stream::new(1, "test").at(1);
    let mut paper = || {
        RgbImage::from_fn(300, 200, |x, _| {
            image::Rgb([(150.0 + 0.2 * x as f32 + random.uniform_between(-9.0, 9.0)) as u8; 3])
        })
    };
    for picture in
        [paper(), RgbImage::new(50, 50), RgbImage::new(1, 1), RgbImage::new(12_000_000, 1)]
    {
        let error = normalise(&picture).unwrap_err().to_string();
        assert!(error.starts_with("no digit stands out") && error.contains("more contrast"));
    }
}

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

fn bar(thickness: u32) -> Ink {
    let ink = |x, _| Luma([if (20..20 + thickness).contains(&x) { 1.0 } else { 0.0 }]);
    Ink::from_fn(60, 80, ink)
}

#[test]
fn thin_strokes_are_widened_and_thick_ones_are_not() {
    for thickness in [2, 3, 4, 8, 12] {
        let strong = strengthen(&bar(thickness));
        let row = strong.height() / 2;
        let ink: f32 = (0..strong.width()).map(|x| strong.get_pixel(x, row).0[0]).sum();
        assert!((6.0..=12.0).contains(&ink), "{thickness} became {ink}");
    }
    assert_eq!(strengthen(&bar(12)), bar(12));
}
