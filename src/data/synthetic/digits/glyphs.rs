//! The ways in which the digits are written.

use std::sync::LazyLock;

use super::super::transform::Point;

/// One movement of the pen.
#[derive(Debug)]
pub(super) struct Stroke {
    /// Whether the pen goes through the points in a curve, or straight from one to the next.
    pub(super) smooth: bool,
    pub(super) points: Vec<Point>,
}

/// Each digit's glyphs.
pub(super) static GLYPHS: LazyLock<[Vec<Vec<Stroke>>; 10]> = LazyLock::new(|| {
    read(include_str!("glyphs.txt")).unwrap_or_else(|| panic!("glyphs.txt has a broken line"))
});

fn read(text: &str) -> Option<[Vec<Vec<Stroke>>; 10]> {
    let mut glyphs: [Vec<Vec<Stroke>>; 10] = Default::default();
    let mut digit = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        match words.next()? {
            kind @ ("curve" | "lines") => {
                let points: Option<Vec<Point>> = words.map(point).collect();
                let stroke = Stroke { smooth: kind == "curve", points: points? };
                glyphs[digit].last_mut()?.push(stroke);
            }
            head => {
                digit = head.parse().ok()?;
                glyphs.get_mut(digit)?.push(Vec::new());
            }
        }
    }
    Some(glyphs)
}

fn point(text: &str) -> Option<Point> {
    let (x, y) = text.split_once(',')?;
    Some((x.parse().ok()?, y.parse().ok()?))
}
