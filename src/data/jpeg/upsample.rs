//! Components of fewer samples than the image, brought to its size as libjpeg does.

use super::frame::{Component, Frame, SIDE};

/// The samples of a component.
pub(super) struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Those that count; what fills up the last blocks does not.
    width: usize,
    height: usize,
}

impl Plane {
    /// All of them zero.
    pub(super) fn new(of: &Component) -> Self {
        let stride = of.blocks_wide * SIDE;
        let samples = vec![0; stride * of.blocks_high * SIDE];
        Self { samples, stride, width: of.width, height: of.height }
    }

    /// Puts a block in its place.
    #[inline(always)]
    pub(super) fn put(&mut self, column: usize, row: usize, block: &[[u8; SIDE]; SIDE]) {
        let start = row * SIDE * self.stride + column * SIDE;
        let rows = self.samples[start..].chunks_mut(self.stride);
        for (to, from) in rows.zip(block) {
            to[..SIDE].copy_from_slice(from);
        }
    }

    fn row(&self, at: usize) -> &[u8] {
        &self.samples[at * self.stride..][..self.width]
    }
}

/// How the rows of the image come from those of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// They are the same.
    Same,
    /// Each sample is repeated.
    Repeat {
        across: usize,
        down: usize,
    },
    /// Two for one by a triangle filter: three parts of a sample and one of its neighbour.
    Across,
    Down,
    Both,
}

/// Gives the rows of a component in the size of the image.
pub(super) struct Upsampler<'a> {
    plane: &'a Plane,
    method: Method,
    /// A row on the way, with a neighbour on either side.
    sums: Vec<u16>,
    row: Vec<u8>,
}

impl<'a> Upsampler<'a> {
    /// Takes over the samples of `of`; `fancy` is by a triangle filter where libjpeg has one.
    pub(super) fn new(frame: &Frame, of: &Component, plane: &'a Plane, fancy: bool) -> Self {
        let (across, down) = (frame.horizontal / of.horizontal, frame.vertical / of.vertical);
        // A row of one or two samples has no middle, for which libjpeg's filter is made.
        let fancy_across = fancy && plane.width > 2;
        let method = match (across, down) {
            (1, 1) => Method::Same,
            (2, 1) if fancy_across => Method::Across,
            (1, 2) if fancy => Method::Down,
            (2, 2) if fancy_across => Method::Both,
            (across, down) => Method::Repeat { across, down },
        };
        let row = vec![0; plane.width * across];
        Self { plane, method, sums: vec![0; plane.width + 2], row }
    }

    /// The row `y` of the image; it may be longer than the image is wide.
    pub(super) fn row(&mut self, y: usize) -> &[u8] {
        match self.method {
            Method::Same => return self.plane.row(y),
            Method::Repeat { across, down } => {
                let from = self.plane.row(y / down);
                for (to, &sample) in self.row.chunks_mut(across).zip(from) {
                    to.fill(sample);
                }
            }
            Method::Across => {
                self.sum(y, y, |sample, _| u16::from(sample));
                self.across(1, 2, 2);
            }
            Method::Down => {
                let bias = 1 + (y % 2) as u16;
                let (near, far) = (self.plane.row(y / 2), self.plane.row(self.neighbour(y)));
                for ((to, &near), &far) in self.row.iter_mut().zip(near).zip(far) {
                    *to = ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8;
                }
            }
            Method::Both => {
                let far = self.neighbour(y);
                self.sum(y / 2, far, |near, far| 3 * u16::from(near) + u16::from(far));
                self.across(8, 7, 4);
            }
        }
        &self.row
    }

    /// The second nearest row of the component to the row `y` of an image twice as high.
    fn neighbour(&self, y: usize) -> usize {
        let row = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
        row.min(self.plane.height - 1)
    }

    /// Fills `sums` from two rows of the component; the samples at the edges are their own
    /// neighbours.
    fn sum(&mut self, near: usize, far: usize, of: impl Fn(u8, u8) -> u16) {
        let (near, far) = (self.plane.row(near), self.plane.row(far));
        let width = near.len();
        for ((to, &near), &far) in self.sums[1..].iter_mut().zip(near).zip(far) {
            *to = of(near, far);
        }
        self.sums[0] = self.sums[1];
        self.sums[width + 1] = self.sums[width];
    }

    /// Makes two samples of each sum, with what is added before the last bits are removed.
    fn across(&mut self, left: u16, right: u16, bits: u32) {
        let neighbours = self.sums.windows(3);
        for (to, of) in self.row.as_chunks_mut::<2>().0.iter_mut().zip(neighbours) {
            to[0] = ((3 * of[1] + of[0] + left) >> bits) as u8;
            to[1] = ((3 * of[1] + of[2] + right) >> bits) as u8;
        }
    }
}
