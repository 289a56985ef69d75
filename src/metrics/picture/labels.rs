//! Where the labels of points stand: beside their points and not upon each other.

/// A rectangle of the drawing, in pixels: left, top, width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Which parts of a drawing are taken, in cells.
pub(super) struct OccupancyGrid {
    columns: i32,
    rows: i32,
    cell: i32,
    cells: Vec<bool>,
}

impl OccupancyGrid {
    /// A drawing of `size` pixels each way, of which nothing is taken, in square cells.
    pub(super) fn new(size: i32, cell: i32) -> Self {
        let n = size / cell;
        Self { columns: n, rows: n, cell, cells: vec![false; (n * n) as usize] }
    }

    /// Takes a box, or the part of it that lies inside.
    pub(super) fn take(&mut self, place: Rect) {
        for row in self.rows_of(place) {
            let start = row * self.columns;
            let columns = self.columns_of(place);
            let cells = (start + columns.start) as usize..(start + columns.end) as usize;
            self.cells[cells].fill(true);
        }
    }

    /// Whether a box lies inside and nothing of it is taken.
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

/// Rings about a point on which a label is tried, the places on a ring, and the distance between
/// two rings in heights of a label.
const RINGS: i32 = 9;
const PLACES: i32 = 16;
const RING: f64 = 0.6;

/// Finds a free place for a label of `width` × `height` pixels near `point`, whose dot has the
/// radius `dot`, and takes it. Beside the point first, then on wider and wider rings. None where
/// everything near is taken.
pub(super) fn place(
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
    pub(super) fn nearest(self, (x, y): (i32, i32)) -> (i32, i32) {
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
        // The first one stands to the right of its point.
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
