//! A map: points on a plane, each with a label, as PNG and SVG.

use std::path::Path;

use anyhow::{Result, ensure};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement};
use plotters::prelude::{DrawingBackend, RGBColor, WHITE};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::printable;
use crate::atomic;
use crate::metrics::plot::canvas;
use crate::metrics::plot::legend::shorten;
use crate::metrics::plot::style::{SCALE, text_style_at, undrawable};

/// A point and its label.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPoint {
    /// What is beside the point.
    pub label: String,
    /// To the right, in any unit.
    pub x: f64,
    /// Upwards, in the same unit.
    pub y: f64,
}

const DOT: RGBColor = RGBColor(0, 114, 178);
const WITHOUT_LABEL: RGBColor = RGBColor(175, 175, 175);
const LEADER: RGBColor = RGBColor(190, 190, 190);

const MARGIN: i32 = 60;
const TITLE: i32 = 44;
const FONT_SIZE: i32 = 15;
/// A line of letters, with a little space above and below.
const LINE: i32 = 17;
const RADIUS: i32 = 3;
/// The longest label in pixels.
const MAX_LABEL: i32 = 220;
/// Cells in which places are taken, in pixels of the picture.
const CELL: i32 = 1;
/// The picture's side: room for the labels, within these bounds.
const SIDES: (i32, i32) = (800, 2400);

/// Draws a map into a PNG file, which appears as a whole. The first places get their labels first;
/// a point whose label finds no room is a small grey dot. Returns how many labels have letters that
/// the picture cannot show.
///
/// # Errors
/// When a place is not finite, or the file cannot be written.
pub fn write_map_png(path: &Path, title: &str, places: &[MapPoint]) -> Result<usize> {
    let side = side(places.len());
    let png = canvas::picture((side as u32, side as u32), |area| draw(area, title, places))?;
    atomic::write(path, &png)?;
    undrawable(places.iter().map(|place| place.label.as_str()))
}

/// Draws the same into an SVG file, which appears as a whole.
///
/// # Errors
/// When a place is not finite, or the file cannot be written.
pub fn write_map_svg(path: &Path, title: &str, places: &[MapPoint]) -> Result<()> {
    let side = side(places.len());
    let svg = canvas::vector((side as u32, side as u32), |area| draw(area, title, places))?;
    atomic::write(path, svg.as_bytes())
}

/// Pixels of the picture each way.
fn side(n: usize) -> i32 {
    ((n as f64).sqrt() * 90.0).round().clamp(f64::from(SIDES.0), f64::from(SIDES.1)) as i32
}

/// A label that has found its place, and its width.
struct Label {
    text: String,
    at: Rect,
}

fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    title: &str,
    places: &[MapPoint],
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    area.fill(&WHITE)?;
    let heading = text_style_at(22, HPos::Left)?;
    area.draw_text(title, &heading, (24 * SCALE, TITLE * SCALE / 2 + 6 * SCALE))?;
    let side = area.dim_in_pixel().0 as i32;
    let points = points(places, side)?;
    let style = text_style_at(FONT_SIZE, HPos::Left)?;
    let measure = |label: &str| Ok(area.estimate_text_size(label, &style)?.0 as i32);
    let labels = lay_out(places, &points, side, measure)?;
    for (&point, label) in points.iter().zip(&labels) {
        if let Some(label) = label {
            leader(area, point, label.at)?;
        }
    }
    for (&point, label) in points.iter().zip(&labels) {
        let (colour, radius) = match label {
            Some(_) => (DOT, RADIUS * SCALE),
            None => (WITHOUT_LABEL, (RADIUS - 1) * SCALE),
        };
        area.draw(&Circle::new(point, radius, colour.filled()))?;
    }
    for Label { text, at } in labels.iter().flatten() {
        area.draw_text(text, &style, (at.left, at.top + at.height / 2))?;
    }
    Ok(())
}

/// The places in pixels of the drawing, one scale for both directions.
fn points(places: &[MapPoint], side: i32) -> Result<Vec<(i32, i32)>> {
    for MapPoint { label, x, y } in places {
        ensure!(
            x.is_finite() && y.is_finite(),
            "the position ({x}, {y}) of {label:?} is not finite"
        );
    }
    let bounds = |of: fn(&MapPoint) -> f64| {
        let values = places.iter().map(of);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let ((left, right), (bottom, top)) = (bounds(|place| place.x), bounds(|place| place.y));
    let extent = (right - left).max(top - bottom).max(f64::MIN_POSITIVE);
    let room = f64::from(side - (2 * MARGIN + TITLE) * SCALE) / extent;
    let middle = f64::from(side) / 2.0;
    let pixel = |place: &MapPoint| {
        let x = middle + (place.x - (left + right) / 2.0) * room;
        let y = middle + f64::from(TITLE * SCALE) / 2.0 - (place.y - (bottom + top) / 2.0) * room;
        (x.round() as i32, y.round() as i32)
    };
    Ok(places.iter().map(pixel).collect())
}

/// The label of each point, where there is room for it.
fn lay_out(
    places: &[MapPoint],
    points: &[(i32, i32)],
    side: i32,
    measure: impl Fn(&str) -> Result<i32>,
) -> Result<Vec<Option<Label>>> {
    let mut taken = OccupancyGrid::new(side, CELL * SCALE);
    taken.take(Rect { left: 0, top: 0, width: side, height: TITLE * SCALE });
    points.iter().for_each(|&point| taken.take(Rect::about(point, RADIUS * SCALE)));
    let label = |(of, &point): (&MapPoint, &(i32, i32))| {
        let text = shorten(&printable(&of.label), MAX_LABEL * SCALE, &measure)?;
        let size = (measure(&text)? + 2 * SCALE, LINE * SCALE);
        Ok(place(&mut taken, point, RADIUS * SCALE, size).map(|at| Label { text, at }))
    };
    places.iter().zip(points).map(label).collect()
}

/// A thin line from a point to a label that is not next to it.
fn leader<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    point: (i32, i32),
    label: Rect,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let end = label.nearest(point);
    let square = (end.0 - point.0).pow(2) + (end.1 - point.1).pow(2);
    if square > (LINE * SCALE / 2).pow(2) {
        area.draw(&PathElement::new([point, end], LEADER.stroke_width(SCALE as u32)))?;
    }
    Ok(())
}

/// A rectangle of the drawing, in pixels: left, top, width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Which parts of a drawing are taken, in cells.
struct OccupancyGrid {
    columns: i32,
    rows: i32,
    cell: i32,
    cells: Vec<bool>,
}

impl OccupancyGrid {
    /// An empty grid over a drawing of `size` × `size` pixels, in square cells.
    pub(super) fn new(size: i32, cell: i32) -> Self {
        let n = size / cell;
        Self { columns: n, rows: n, cell, cells: vec![false; (n * n) as usize] }
    }

    /// Takes a box, or the part of it that is inside.
    fn take(&mut self, place: Rect) {
        for row in self.rows_of(place) {
            let start = row * self.columns;
            let columns = self.columns_of(place);
            let cells = (start + columns.start) as usize..(start + columns.end) as usize;
            self.cells[cells].fill(true);
        }
    }

    /// Whether a box is inside and free.
    fn is_free(&self, place: Rect) -> bool {
        let inside = place.left >= 0
            && place.top >= 0
            && place.left + place.width <= self.columns * self.cell
            && place.top + place.height <= self.rows * self.cell;
        inside
            && self.rows_of(place).all(|row| {
                let start = row * self.columns;
                let columns = self.columns_of(place);
                let cells = (start + columns.start) as usize..(start + columns.end) as usize;
                self.cells[cells].iter().all(|taken| !taken)
            })
    }

    fn columns_of(&self, place: Rect) -> std::ops::Range<i32> {
        self.cells_of(place.left, place.width, self.columns)
    }

    fn rows_of(&self, place: Rect) -> std::ops::Range<i32> {
        self.cells_of(place.top, place.height, self.rows)
    }

    fn cells_of(&self, start: i32, length: i32, n: i32) -> std::ops::Range<i32> {
        let first = start.div_euclid(self.cell).clamp(0, n);
        let end = (start + length + self.cell - 1).div_euclid(self.cell).clamp(first, n);
        first..end
    }
}

/// Labels are tried on rings about their point: the number of rings, the places on a ring, and the
/// distance between rings in label heights.
const RINGS: i32 = 9;
const PLACES: i32 = 16;
const RING: f64 = 0.6;

/// Finds a free place for a label of `width` × `height` pixels near `point`, whose dot has the
/// radius `dot`, and marks it as occupied. It looks next to the point first, then on wider and
/// wider rings. `None` if everything near is occupied.
fn place(
    taken: &mut OccupancyGrid,
    (x, y): (i32, i32),
    dot: i32,
    (width, height): (i32, i32),
) -> Option<Rect> {
    let gap = dot + height / 8;
    let found = (0..RINGS)
        .flat_map(|ring| (0..PLACES).map(move |place| (ring, place)))
        .map(|(ring, place)| {
            let angle = std::f64::consts::TAU * f64::from(place) / f64::from(PLACES);
            let far = f64::from(gap) + RING * f64::from(ring * height);
            let (across, down) = (angle.cos(), angle.sin());
            // The box touches the ring with the side or corner that is turned to the point.
            let left = f64::from(x) + far * across + f64::from(width) * (across - 1.0) / 2.0;
            let top = f64::from(y) + far * down + f64::from(height) * (down - 1.0) / 2.0;
            Rect { left: left.round() as i32, top: top.round() as i32, width, height }
        })
        .find(|&place| taken.is_free(place))?;
    taken.take(found);
    Some(found)
}

impl Rect {
    /// The point of the box that is nearest to another.
    fn nearest(self, (x, y): (i32, i32)) -> (i32, i32) {
        (x.clamp(self.left, self.left + self.width), y.clamp(self.top, self.top + self.height))
    }

    /// A square about a point.
    pub(super) fn about((x, y): (i32, i32), radius: i32) -> Self {
        Self { left: x - radius, top: y - radius, width: 2 * radius, height: 2 * radius }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(n: usize) -> Vec<MapPoint> {
        let place = |i: usize| MapPoint {
            label: format!("word{i}"),
            x: (i * 7919 % 101) as f64,
            y: (i * 104_729 % 89) as f64,
        };
        (0..n).map(place).collect()
    }

    #[test]
    fn a_map_of_many_words_fits_and_is_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.svg");
        write_map_svg(&path, "300 words", &places(300)).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        let labels = svg.matches("word").count();
        assert!(svg.starts_with("<svg width=\"1559\" height=\"1559\"") && labels > 290, "{labels}");
        write_map_svg(&path, "300 words", &places(300)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), svg);
    }

    #[test]
    fn a_png_has_room_for_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        for n in [0, 1, 30] {
            write_map_png(&path, "words", &places(n)).unwrap();
            let png = std::fs::read(&path).unwrap();
            let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            assert_eq!(reader.info().width, 800);
        }
    }

    #[test]
    fn one_place_for_all_and_places_without_bounds() {
        let mut same: Vec<MapPoint> = (0..400).map(|_| places(1).remove(0)).collect();
        let points = points(&same, 900).unwrap();
        let labels = lay_out(&same, &points, 900, |text| Ok(20 * text.len() as i32)).unwrap();
        let n = labels.iter().flatten().count();
        assert!((1..400).contains(&n), "{n}");
        same[3].y = f64::NAN;
        let path = Path::new("never-written.png");
        let error = write_map_png(path, "words", &same).unwrap_err().to_string();
        assert_eq!(error, "the position (0, NaN) of \"word0\" is not finite");
    }

    fn overlap(a: Rect, b: Rect) -> bool {
        a.left < b.left + b.width
            && b.left < a.left + a.width
            && a.top < b.top + b.height
            && b.top < a.top + a.height
    }

    #[test]
    fn labels_of_one_place_stand_around_it_until_it_is_full() {
        let (mut taken, mut boxes) = (OccupancyGrid::new(1000, 2), Vec::new());
        let point = (500, 500);
        taken.take(Rect::about(point, 4));
        while let Some(found) = place(&mut taken, point, 4, (60, 16)) {
            assert!(boxes.iter().all(|&other| !overlap(found, other)), "{found:?}");
            boxes.push(found);
        }
        assert!(boxes.len() > 8, "{}", boxes.len());
        assert!(boxes.iter().all(|&label| !overlap(label, Rect::about(point, 4))));
        // The first one is to the right of its point.
        assert!(boxes[0].left > 500 && boxes[0].top < 500 && boxes[0].top + 16 > 500);
    }

    #[test]
    fn labels_stay_inside() {
        let mut taken = OccupancyGrid::new(100, 2);
        let label = place(&mut taken, (99, 99), 2, (40, 10)).unwrap();
        assert!(label.left + 40 <= 100 && label.top + 10 <= 100);
        assert_eq!(place(&mut taken, (50, 50), 2, (101, 10)), None);
        assert_eq!(label.nearest((99, 99)), (label.left + 40, label.top + 10));
    }
}
