//! The gradient of the filters.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::Shape;
use super::filters::{FinishGradients, GradientLayout};
use super::points::{InputPoints, OutputGradientPoints, POINTS};
use super::product::{Left, PANEL, Product, register_tile};
use super::tile_grid::{Axis, Side, TileGrid};
use super::tiles::{AREA, InputTransform, Layout};
use super::{check, tile};
use crate::simd::{Kernel, LANES, Simd};
use crate::{Cpu, DisjointSlice, Worker};

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
        let [data, gradients, sums] = [data, gradients, sums].map(DisjointSlice::new);
        let dweight = DisjointSlice::new(dweight);
        cpu.parallel(shape.operations(), |worker| {
            for start in (0..pass.tile_grid.tiles).step_by(block) {
                let tiles = start..pass.tile_grid.tiles.min(start + block);
                pass.gather::<M>(cpu, worker, tiles.clone(), zeros, [data, gradients]);
                worker.wait();
                pass.add_products(cpu, worker, tiles, [data, gradients, sums]);
                worker.wait();
            }
            cpu.isa().run(FinishGradients::<K> {
                from: sums,
                layout: gradient,
                in_channels: shape.in_channels,
                out_channels: shape.out_channels,
                channels: worker.chunk(shape.in_channels),
                weight: dweight,
            });
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

    /// Transforms this worker's share of a block of tiles.
    fn gather<const M: usize>(
        &self,
        cpu: &Cpu,
        worker: &Worker,
        tiles: Range<usize>,
        zeros: &[f32],
        [data, gradients]: [DisjointSlice; 2],
    ) {
        let [inputs, outputs] = self.layouts(tiles.len());
        let share = worker.chunk(tiles.len());
        let (first, share) = (share.start, tiles.start + share.start..tiles.start + share.end);
        cpu.isa().run(InputTransform::<InputPoints, POINTS> {
            tile_grid: &self.tile_grid,
            side: Side::Inputs,
            images: self.x,
            channels: self.shape.in_channels,
            zeros,
            tiles: share.clone(),
            first,
            layout: inputs,
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
            layout: outputs,
            to: gradients,
            transform: PhantomData,
        });
    }

    /// Adds the products of a block of tiles at this worker's share of the points, each split
    /// by out channels.
    fn add_products(
        &self,
        cpu: &Cpu,
        worker: &Worker,
        tiles: Range<usize>,
        [data, gradients, sums]: [DisjointSlice; 3],
    ) {
        let layouts = self.layouts(tiles.len());
        let register_tile = register_tile(cpu.isa());
        let groups = layouts[1].blocks.div_ceil(register_tile.1);
        cpu.isa().run(AddProducts {
            register_tile,
            // SAFETY: between the two barriers nobody writes them.
            data: unsafe { data.range(0..layouts[0].len()) },
            // SAFETY: as above.
            gradients: unsafe { gradients.range(0..layouts[1].len()) },
            layouts,
            tiles: tiles.len(),
            add: tiles.start > 0,
            groups,
            share: worker.chunk(AREA * groups),
            sums,
            gradient: self.gradient(),
        });
    }
}

/// Products of a block of tiles at some points: data, transposed, times gradients.
struct AddProducts<'a> {
    register_tile: (usize, usize),
    data: &'a [f32],
    gradients: &'a [f32],
    layouts: [Layout; 2],
    tiles: usize,
    /// Whether there are sums of earlier blocks.
    add: bool,
    /// The groups of out channels at each point.
    groups: usize,
    /// Which groups, over all points.
    share: Range<usize>,
    sums: DisjointSlice<'a>,
    gradient: GradientLayout,
}

impl Kernel for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [inputs, outputs] = self.layouts;
        assert!(self.data.len() >= inputs.len() && self.gradients.len() >= outputs.len());
        let product = Product {
            left: Left::Channels,
            steps: self.tiles,
            panel: self.tiles * LANES,
            row: self.gradient.row,
            add: self.add,
        };
        for item in self.share {
            let (point, group) = (item / self.groups, item % self.groups);
            let edge = |i: usize| outputs.blocks * i / self.groups;
            let panels = edge(group)..edge(group + 1);
            let right = &self.gradients[point * outputs.distance + outputs.at(0, panels.start)..];
            for channel in (0..inputs.blocks * LANES).step_by(PANEL) {
                let left = point * inputs.distance + inputs.at(0, channel / LANES);
                let left = &self.data[left + channel % LANES..];
                let at = channel * self.gradient.row + panels.start * LANES;
                let end = at + (PANEL - 1) * self.gradient.row + panels.len() * LANES;
                let point = point * self.gradient.distance;
                let to = self.sums.pointer(point + at..point + end);
                let size = (self.register_tile.0, panels.len());
                // SAFETY: a channel's block has sixteen lanes for each tile, a panel too, and
                // this thread alone has these columns of the point.
                unsafe { product.run::<S>(size, left.as_ptr(), right.as_ptr(), to) };
            }
        }
    }
}
