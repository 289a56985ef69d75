//! The convolution of images with filters, and its gradient for the input, which is one too.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::Shape;
use super::filters::{FilterLayout, TransformFilters, TransformRotatedFilters};
use super::points::{InputPoints, POINTS};
use super::product::{GroupProduct, PANEL, register_tile};
use super::tile_grid::{Axis, Side, TileGrid};
use super::tiles::{AREA, Epilogue, InputTransform, Layout, OutputTransform, pad_to_odd_lines};
use super::{Filters, check, supports, tile};
use crate::cpu::{Queue, with_thread_buffer};
use crate::relu::Rectifier;
use crate::simd::LANES;
use crate::{Buffer, Cpu, DisjointSlice, Isa, window};

/// The values of transformed data and products that a block of tiles may take, for each
/// thread: a share of the last-level cache.
const BLOCK_VALUES: usize = 2 << 20;
/// The most tiles of a block: enough for the filters to be read seldom.
const MAX_TILES: usize = 64;

/// `y = x ∗ filters + bias`, followed by the activation `rectifier`: images `x` (batch, height,
/// width, in), filters (3, 3, in, out) or (5, 5, in, out), `bias` (out), `y` (batch, rows, columns,
/// out).
///
/// # Panics
/// When the shape does not [fit](super::supports), or a slice has another size.
pub fn forward(
    cpu: &Cpu,
    shape: &Shape,
    x: &[f32],
    filters: Filters,
    bias: &[f32],
    rectifier: Rectifier,
    y: &mut [f32],
) {
    assert!(supports(shape), "filters must be 3 × 3 or 5 × 5 with stride 1: {shape:?}");
    assert_eq!(x.len(), shape.inputs(), "the input has the wrong size");
    assert_eq!(y.len(), shape.outputs(), "the output has the wrong size");
    assert_eq!(bias.len(), shape.out_channels, "the bias has the wrong size");
    convolution(shape, Epilogue { bias: Some(bias), rectifier }).of_any_size(
        cpu,
        shape.kernel[0],
        filters,
        x,
        y,
    );
}

fn convolution<'a>(shape: &Shape, finish: Epilogue<'a>) -> Convolution<'a> {
    Convolution {
        tile_grid: tile_grid(shape, Axis::forward),
        filters: FilterLayout::new(shape.in_channels, shape.out_channels),
        operations: shape.operations(),
        turned: false,
        finish,
    }
}

/// The transformed filters of many forward passes.
///
/// # Panics
/// As [`forward`].
pub fn transformed(cpu: &Cpu, shape: &Shape, weight: &[f32]) -> Buffer {
    assert!(supports(shape), "filters must be 3 × 3 or 5 × 5 with stride 1: {shape:?}");
    assert_eq!(weight.len(), shape.weights(), "the filters have the wrong size");
    let convolution = convolution(shape, Epilogue { bias: None, rectifier: Rectifier::None });
    let mut buffer = Buffer::zeros(convolution.filters.len());
    match shape.kernel[0] {
        3 => convolution.transform_filters::<3>(cpu, weight, &mut buffer),
        _ => convolution.transform_filters::<5>(cpu, weight, &mut buffer),
    }
    buffer
}

/// `dx`, the gradient of the input, from `dy`, that of the output: the convolution of `dy`
/// with the filters turned by half a circle, in and out channels exchanged.
///
/// # Panics
/// As [`forward`].
pub fn backward_input(cpu: &Cpu, shape: &Shape, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
    check(shape, dx.len(), weight.len(), dy.len());
    let convolution = Convolution {
        tile_grid: tile_grid(shape, Axis::backward),
        filters: FilterLayout::new(shape.out_channels, shape.in_channels),
        operations: shape.operations(),
        turned: true,
        finish: Epilogue { bias: None, rectifier: Rectifier::None },
    };
    convolution.of_any_size(cpu, shape.kernel[0], Filters::Plain(weight), dy, dx);
}

/// The tiles of a convolution in one direction.
pub fn tile_grid(shape: &Shape, direction: fn(window::Axis) -> Axis) -> TileGrid {
    let axes = [shape.rows(), shape.columns()].map(direction);
    TileGrid::new(shape.batch, axes, tile(shape.kernel[0]))
}

/// A convolution in either direction.
struct Convolution<'a> {
    tile_grid: TileGrid,
    filters: FilterLayout,
    operations: usize,
    /// Whether the filters are turned and their channels exchanged.
    turned: bool,
    finish: Epilogue<'a>,
}

impl Convolution<'_> {
    fn of_any_size(self, cpu: &Cpu, kernel: usize, filters: Filters, x: &[f32], y: &mut [f32]) {
        match kernel {
            3 => self.run::<3, { tile(3) }>(cpu, filters, x, y),
            _ => self.run::<5, { tile(5) }>(cpu, filters, x, y),
        }
    }

    fn run<const K: usize, const M: usize>(
        &self,
        cpu: &Cpu,
        filters: Filters,
        x: &[f32],
        y: &mut [f32],
    ) {
        let blocks = Blocks::new(self.tile_grid.tiles, self.filters.in_channels, cpu.threads());
        let queue = Queue::of_shares(blocks.count, cpu.threads());
        let y = DisjointSlice::new(y);
        let len = self.filters.len();
        let own_len = if let Filters::Plain(_) = filters { len } else { 0 };
        cpu.with_buffer(own_len + self.filters.in_channels, |buffer| {
            let (own, zeros) = buffer.split_at_mut(own_len);
            zeros.fill(0.0);
            let zeros = &*zeros;
            let filters = match filters {
                Filters::Prepared(filters) => &filters[..len],
                Filters::Plain(weight) => {
                    self.transform_filters::<K>(cpu, weight, own);
                    &*own
                }
            };
            cpu.parallel(self.operations, |worker| {
                while let Some(block) = queue.next(worker) {
                    self.block::<M>(cpu.isa(), blocks.tiles(block), filters, (x, zeros), y);
                }
            });
        });
    }

    /// The pieces that the transform of the filters is split into.
    fn filter_items<const K: usize>(&self) -> usize {
        match self.turned {
            false => self.filters.in_channels,
            true => TransformRotatedFilters::<K>::squares(&self.filters),
        }
    }

    /// Transforms the filters.
    fn transform_filters<const K: usize>(&self, cpu: &Cpu, weight: &[f32], to: &mut [f32]) {
        let (layout, isa, to) = (self.filters, cpu.isa(), DisjointSlice::new(to));
        cpu.parallel(AREA * weight.len(), |worker| {
            let items = worker.chunk(self.filter_items::<K>());
            match self.turned {
                false => isa.run(TransformFilters::<K> { weight, layout, channels: items, to }),
                true => {
                    isa.run(TransformRotatedFilters::<K> { weight, layout, squares: items, to });
                }
            }
        });
    }

    /// A block of tiles from the input to the output.
    fn block<const M: usize>(
        &self,
        isa: Isa,
        tiles: Range<usize>,
        filters: &[f32],
        (x, zeros): (&[f32], &[f32]),
        y: DisjointSlice,
    ) {
        let count = tiles.len().next_multiple_of(PANEL);
        let layout = Layout::new(PANEL, count, self.filters.in_channels);
        let register_tile = register_tile(isa);
        let distance = pad_to_odd_lines(count * register_tile.1 * LANES);
        let channels = self.filters.out_channels;
        with_thread_buffer(layout.len() + AREA * distance + channels, |buffer| {
            let (data, rest) = buffer.split_at_mut(layout.len());
            let (products, spare) = rest.split_at_mut(AREA * distance);
            isa.run(InputTransform::<InputPoints, POINTS> {
                tile_grid: &self.tile_grid,
                side: Side::Inputs,
                images: x,
                channels: self.filters.in_channels,
                zeros,
                tiles: tiles.clone(),
                first: 0,
                layout,
                to: DisjointSlice::new(data),
                transform: PhantomData,
            });
            for panels in self.panel_groups(register_tile.1) {
                let columns = panels.start * LANES..channels.min(panels.end * LANES);
                let group = GroupProduct {
                    register_tile: (register_tile.0, panels.len()),
                    data,
                    layout,
                    tiles: count,
                    filters: &filters[panels.start * self.filters.panel()..],
                    filter_layout: self.filters,
                    products,
                    distance,
                };
                isa.run(group);
                isa.run(OutputTransform::<M> {
                    tile_grid: &self.tile_grid,
                    tiles: tiles.clone(),
                    columns,
                    from: products,
                    distance,
                    spare,
                    finish: self.finish,
                    images: y,
                    channels,
                });
            }
        });
    }

    /// The panels of out channels, as many at a time as a register tile has vectors, or one
    /// less.
    fn panel_groups(&self, vectors: usize) -> impl Iterator<Item = Range<usize>> {
        let panels = self.filters.panels();
        let count = panels.div_ceil(vectors);
        (0..count).map(move |i| panels * i / count..panels * (i + 1) / count)
    }
}

/// The tiles of a batch in blocks of whole panels.
#[derive(Clone, Copy)]
struct Blocks {
    tiles: usize,
    count: usize,
}

impl Blocks {
    fn new(tiles: usize, channels: usize, threads: usize) -> Self {
        let tile_values = AREA * (channels.next_multiple_of(LANES) + 3 * LANES);
        let most = (BLOCK_VALUES / tile_values).clamp(PANEL, MAX_TILES) / PANEL;
        let panels = tiles.div_ceil(PANEL);
        // A whole number of rounds keeps every thread busy to the end.
        Self { tiles, count: panels.div_ceil(most).next_multiple_of(threads).min(panels) }
    }

    fn tiles(&self, block: usize) -> Range<usize> {
        let panels = self.tiles.div_ceil(PANEL);
        let edge = |i: usize| (panels * i / self.count * PANEL).min(self.tiles);
        edge(block)..edge(block + 1)
    }
}
