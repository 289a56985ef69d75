//! The right side of a product, and its packed copy for many products.

use std::ops::Range;
use std::sync::Arc;

use super::super::{Buffer, Cpu, DisjointSlice, Isa};
use super::kernel::COLUMNS;
use super::pack::Matrix;
use super::product::{pack_right, place_of_panel};

/// Operations that take as long as moving a value.
const OPERATIONS_OF_A_COPY: usize = 16;

/// The right side of a product.
#[derive(Clone, Debug)]
pub enum Right<'a> {
    /// A matrix, which the product packs for itself.
    Plain(Matrix<'a>),
    /// A matrix that has been packed.
    Packed(Arc<PackedMatrix>),
}

impl<'a> From<Matrix<'a>> for Right<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Self::Plain(matrix)
    }
}

impl Right<'_> {
    /// Rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        match self {
            Self::Plain(matrix) => (matrix.rows, matrix.columns),
            Self::Packed(packed) => (packed.rows, packed.columns),
        }
    }
}

/// A matrix in the order in which products of one instruction level read their right side: for each
/// depth its panels of sixteen columns.
#[derive(Debug, Default)]
pub struct PackedMatrix {
    values: Buffer,
    rows: usize,
    columns: usize,
    /// The level whose products read it.
    isa: Option<Isa>,
}

impl PackedMatrix {
    /// Becomes the packed copy of another matrix, in the same memory, for products at the instruction
    /// level of `cpu`.
    pub fn pack(&mut self, cpu: &Cpu, matrix: Matrix) {
        (self.rows, self.columns) = (matrix.rows, matrix.columns);
        self.isa = Some(cpu.isa());
        let panels = matrix.columns.div_ceil(COLUMNS);
        let packed = DisjointSlice::new(self.values.at_least(matrix.rows * panels * COLUMNS));
        // A value that is moved takes as long as some operations, and who packs a panel will read it.
        cpu.parallel(OPERATIONS_OF_A_COPY * matrix.rows * matrix.columns, |worker| {
            pack_right(cpu, matrix, worker.chunk(panels), packed, None);
        });
    }

    /// Whether products at this level read it.
    pub(super) fn is_for(&self, isa: Isa) -> bool {
        self.isa.is_none_or(|own| own == isa)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Its values.
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some column panels at one depth.
    pub(super) fn panels(&self, depth: Range<usize>, panels: Range<usize>) -> &[f32] {
        let start = place_of_panel(self.columns, &depth, panels.start);
        &self.values[start..start + panels.len() * depth.len() * COLUMNS]
    }
}
