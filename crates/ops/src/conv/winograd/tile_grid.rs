//! How the tiles of a batch are arranged: over a grid of images, so that few extend past a border.
//!
//! Tiles of six outputs cover an image of 13 × 13 outputs with three to a side, and nearly a third
//! of what they compute is outside. Neighbours in a grid share the zeros between them: three images
//! side by side, one column of zeros apart, take seven tiles instead of nine.

use crate::window;

/// The most images side by side.
const MAX_COLUMNS: usize = 8;
/// The most images below each other.
const MAX_ROWS: usize = 64;

/// One axis of a convolution of stride 1.
#[derive(Clone, Copy)]
pub struct Axis {
    input: usize,
    output: usize,
    /// The padding before the first value.
    before: usize,
    /// The padding after the last value.
    after: usize,
}

impl Axis {
    /// The forward direction.
    pub fn forward(axis: window::Axis) -> Self {
        let (input, output, before) = (axis.input, axis.output(), axis.before());
        Self { input, output, before, after: output + axis.kernel - 1 - before - input }
    }

    /// From the gradient of the outputs to that of the inputs.
    pub fn backward(axis: window::Axis) -> Self {
        let forward = Self::forward(axis);
        let last = axis.kernel - 1;
        Self {
            input: forward.output,
            output: forward.input,
            before: last - forward.before,
            after: last - forward.after,
        }
    }

    /// From one image of a grid to the next: no window sees two.
    fn period(&self) -> usize {
        (self.input + self.before.max(self.after)).max(self.output)
    }

    fn size(&self, side: Side) -> usize {
        match side {
            Side::Inputs => self.input,
            Side::Outputs => self.output,
        }
    }

    /// The tiles of `tile` outputs that cover `images` images.
    fn tiles(&self, images: usize, tile: usize) -> usize {
        ((images - 1) * self.period() + self.output).div_ceil(tile)
    }

    /// The pixels at `N` places starting at `first`, as the number of the image and the place in
    /// it, below `size`.
    fn places<const N: usize>(&self, first: isize, size: usize) -> [Option<[usize; 2]>; N] {
        let period = self.period() as isize;
        let mut image = first.div_euclid(period);
        let mut at = first.rem_euclid(period) as usize;
        let mut places = [None; N];
        for place in &mut places {
            if image >= 0 && at < size {
                *place = Some([image as usize, at]);
            }
            at += 1;
            if at == period as usize {
                (image, at) = (image + 1, 0);
            }
        }
        places
    }
}

/// The pixels that a tile reads or writes.
#[derive(Clone, Copy)]
pub enum Side {
    /// The data under a tile, padding included: eight by eight.
    Inputs,
    /// The outputs of a tile.
    Outputs,
}

/// The tiles of a batch.
#[derive(Clone, Copy)]
pub struct TileGrid {
    axes: [Axis; 2],
    batch: usize,
    /// Outputs of a tile, along each axis.
    tile: usize,
    /// Images below each other and side by side.
    images: [usize; 2],
    /// All tiles.
    pub tiles: usize,
}

impl TileGrid {
    /// The grid of the fewest tiles of `tile` × `tile` outputs.
    pub fn new(batch: usize, axes: [Axis; 2], tile: usize) -> Self {
        let with = |images: [usize; 2]| {
            let tiles = axes[0].tiles(images[0], tile) * axes[1].tiles(images[1], tile);
            let tiles = tiles * batch.div_ceil(images[0] * images[1]);
            Self { axes, batch, tile, images, tiles }
        };
        let rows = 1..=batch.min(MAX_ROWS);
        let sizes = rows.flat_map(|rows| (1..=batch.min(MAX_COLUMNS)).map(move |c| [rows, c]));
        sizes.map(with).min_by_key(|tile_grid| tile_grid.tiles).unwrap_or(with([1, 1]))
    }

    /// Where the pixels of a tile are in a batch of images with `channels` channels: `N` is
    /// eight for the inputs, the tile's size for the outputs.
    pub fn pixels<const N: usize>(
        &self,
        tile: usize,
        side: Side,
        channels: usize,
    ) -> [[Option<usize>; N]; N] {
        let [rows, columns] = self.axes;
        let per_row = columns.tiles(self.images[1], self.tile);
        let per_grid = per_row * rows.tiles(self.images[0], self.tile);
        let (tile_grid, tile) = (tile / per_grid, tile % per_grid);
        let in_rows = self.places::<N>(rows, tile / per_row, side);
        let in_columns = self.places::<N>(columns, tile % per_row, side);
        let (height, width) = (rows.size(side), columns.size(side));
        let mut pixels = [[None; N]; N];
        for (line, row) in pixels.iter_mut().zip(in_rows) {
            for (pixel, column) in line.iter_mut().zip(in_columns) {
                let (Some([down, y]), Some([right, x])) = (row, column) else { continue };
                let image = (tile_grid * self.images[0] + down) * self.images[1] + right;
                if down < self.images[0] && right < self.images[1] && image < self.batch {
                    *pixel = Some(((image * height + y) * width + x) * channels);
                }
            }
        }
        pixels
    }

    fn places<const N: usize>(
        &self,
        axis: Axis,
        tile: usize,
        side: Side,
    ) -> [Option<[usize; 2]>; N] {
        let first = (tile * self.tile) as isize;
        match side {
            Side::Inputs => axis.places(first - axis.before as isize, axis.input),
            Side::Outputs => axis.places(first, axis.output),
        }
    }
}
