//! The gradient of the filters.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::Shape;
use super::filters::{FinishGradients, GradientLayout};
use super::points::{InputPoints, OutputGradientPoints, POINTS};
use super::product::{Left, PANEL, Product, register_tile};
use super::tile_grid::{Axis, Side, TileGrid};
use super::tiles::{AREA, InputTransform, Layout};
use super::transform_2d::DataPart;
use super::{check, shares, tile};
use crate::ops::simd::{Kernel, LANES, Simd};
use crate::ops::{Cpu, MatrixMut, columns_mut, rows_mut};

/// The values of transformed data and gradients that a block of tiles takes: a share of the
/// last-level cache.
const BLOCK_VALUES: usize = 4 << 20;
/// The fewest and the most tiles of a block: a panel of three vectors for each tile fits the
/// first-level cache.
const TILES: [usize; 2] = [16, 96];

/// `dweight`, the gradient of the filters (height, width, in, out), from the input `x` and
/// the gradient of the output, `dy`: Gᵀ[Σ (Bᵀ x B) ⊙ (A dy Aᵀ)]G, summed over all tiles in
/// blocks whose size depends on the channels alone.
///
/// # Panics
/// When the shape does not [fit](super::supports), or a slice has another size.
pub fn backward_weight(cpu: &Cpu, shape: &Shape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    check(shape, x.len(), dweight.len(), dy.len());
    match shape.kernel[0] {
        3 => run::<3, { tile(3) }>(cpu, shape, x, dy, dweight),
        _ => run::<5, { tile(5) }>(cpu, shape, x, dy, dweight),
    }
}

fn run<const K: usize, const M: usize>(
    cpu: &Cpu,
    shape: &Shape,
    x: &[f32],
    dy: &[f32],
    dweight: &mut [f32],
) {
    let axes = [shape.rows(), shape.columns()].map(Axis::forward);
    let pass = Pass { shape, tile_grid: TileGrid::new(shape.batch, axes, M), x, dy };
    let block = pass.block();
    let [inputs, outputs] = pass.layouts(block);
    let gradient = pass.gradient();
    let zeros = shape.in_channels.max(shape.out_channels);
    cpu.with_buffer(inputs.len() + outputs.len() + gradient.len() + zeros, |buffer| {
        let (data, rest) = buffer.split_at_mut(inputs.len());
        let (gradients, rest) = rest.split_at_mut(outputs.len());
        let (sums, zeros) = rest.split_at_mut(gradient.len());
        zeros.fill(0.0);
        let groups = pass.groups(cpu);
        let mut parts = gradient.rectangles(sums, &groups);
        for start in (0..pass.tile_grid.tiles).step_by(block) {
            let tiles = start..pass.tile_grid.tiles.min(start + block);
            pass.gather::<M>(cpu, tiles.clone(), zeros, [&mut *data, &mut *gradients]);
            pass.add_products(cpu, tiles, &groups, [&*data, &*gradients], &mut parts);
        }
        let (ins, outs, from) = (shape.in_channels, shape.out_channels, &*sums);
        let taps = columns_mut(dweight, ins * outs, outs);
        cpu.for_shares(shape.operations(), ins, taps, |_, channels, weight| {
            let (layout, out_channels) = (gradient, outs);
            cpu.isa().run(FinishGradients::<K> { from, layout, out_channels, channels, weight });
        });
    });
}

struct Pass<'a> {
    shape: &'a Shape,
    tile_grid: TileGrid,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Pass<'_> {
    /// The tiles of a block.
    fn block(&self) -> usize {
        let channels = [self.shape.in_channels, self.shape.out_channels];
        let channels: usize = channels.iter().map(|c| c.next_multiple_of(LANES)).sum();
        let most = BLOCK_VALUES / (AREA * channels);
        most.clamp(TILES[0], TILES[1]).min(self.tile_grid.tiles)
    }

    /// Of the transformed data and gradients.
    fn layouts(&self, tiles: usize) -> [Layout; 2] {
        let channels = [self.shape.in_channels, self.shape.out_channels];
        channels.map(|channels| Layout::new(tiles, tiles, channels))
    }

    fn gradient(&self) -> GradientLayout {
        GradientLayout::new(self.shape.in_channels, self.shape.out_channels)
    }

    /// The groups of blocks of out channels whose products are summed in one register tile.
    fn groups(&self, cpu: &Cpu) -> Vec<Range<usize>> {
        let blocks = self.shape.out_channels.div_ceil(LANES);
        let count = blocks.div_ceil(register_tile(cpu.isa()).1);
        (0..count).map(|i| blocks * i / count..blocks * (i + 1) / count).collect()
    }

    /// All threads transform a block of tiles.
    fn gather<const M: usize>(
        &self,
        cpu: &Cpu,
        tiles: Range<usize>,
        zeros: &[f32],
        [data, gradients]: [&mut [f32]; 2],
    ) {
        let [inputs, outputs] = self.layouts(tiles.len());
        let mut data = DataPart::split(data, inputs, shares(tiles.len(), cpu));
        let mut gradients = DataPart::split(gradients, outputs, shares(tiles.len(), cpu));
        let (operations, count) = (self.shape.operations(), data.len());
        let parts = (rows_mut(&mut data, 1), rows_mut(&mut gradients, 1));
        cpu.for_shares(operations, count, parts, |_, _, (data, gradients)| {
            for (data, gradients) in data.iter_mut().zip(gradients) {
                let first = data.tiles().start;
                let share = tiles.start + first..tiles.start + data.tiles().end;
                cpu.isa().run(InputTransform::<InputPoints, POINTS> {
                    tile_grid: &self.tile_grid,
                    side: Side::Inputs,
                    images: self.x,
                    channels: self.shape.in_channels,
                    zeros,
                    tiles: share.clone(),
                    first,
                    to: data,
                    transform: PhantomData,
                });
                cpu.isa().run(InputTransform::<OutputGradientPoints, M> {
                    tile_grid: &self.tile_grid,
                    side: Side::Outputs,
                    images: self.dy,
                    channels: self.shape.out_channels,
                    zeros,
                    tiles: share,
                    first,
                    to: gradients,
                    transform: PhantomData,
                });
            }
        });
    }

    /// Adds the products of a block of tiles, each thread at its share of the points, each of which
    /// is split into `groups` of out channels.
    fn add_products(
        &self,
        cpu: &Cpu,
        tiles: Range<usize>,
        groups: &[Range<usize>],
        [data, gradients]: [&[f32]; 2],
        sums: &mut [MatrixMut],
    ) {
        let (layouts, count) = (self.layouts(tiles.len()), sums.len());
        let operations = self.shape.operations();
        cpu.for_shares(operations, count, rows_mut(sums, 1), |_, share, sums| {
            cpu.isa().run(AddProducts {
                register_rows: register_tile(cpu.isa()).0,
                data,
                gradients,
                layouts,
                tiles: tiles.len(),
                add: tiles.start > 0,
                groups,
                share,
                sums,
            });
        });
    }
}

/// Products of a block of tiles at some points: data, transposed, times gradients.
struct AddProducts<'a, 's> {
    register_rows: usize,
    data: &'a [f32],
    gradients: &'a [f32],
    layouts: [Layout; 2],
    tiles: usize,
    /// Whether there are sums of earlier blocks.
    add: bool,
    /// The groups of blocks of out channels at each point.
    groups: &'a [Range<usize>],
    /// Which groups, over all points.
    share: Range<usize>,
    /// The sums of each.
    sums: &'a mut [MatrixMut<'s>],
}

impl Kernel for AddProducts<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [inputs, outputs] = self.layouts;
        let product = Product {
            left: Left::Channels,
            steps: self.tiles,
            panel: self.tiles * LANES,
            add: self.add,
        };
        for (item, sums) in self.share.zip(self.sums) {
            let (point, panels) =
                (item / self.groups.len(), &self.groups[item % self.groups.len()]);
            let right = &self.gradients[point * outputs.distance + outputs.at(0, panels.start)..];
            for channel in (0..inputs.blocks * LANES).step_by(PANEL) {
                let left = point * inputs.distance + inputs.at(0, channel / LANES);
                let left = &self.data[left + channel % LANES..];
                let mut to = sums.rectangle(channel..channel + PANEL, 0..panels.len() * LANES);
                product.run::<S>((self.register_rows, panels.len()), left, right, &mut to);
            }
        }
    }
}
