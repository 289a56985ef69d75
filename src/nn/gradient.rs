//! The gradient of one parameter.

use crate::ops::{Buffer, Cpu, elementwise, norm};

/// A gradient, dense or by rows. Its memory stays from step to step.
#[derive(Debug)]
pub enum Gradient {
    /// A value for each of the parameter's.
    Dense {
        /// The values; there may be more of them than are used.
        values: Buffer,
        /// How many are used.
        len: usize,
    },
    /// Rows of an embedding, one per token: a word that occurs twice has two.
    Rows {
        /// The id of each row.
        ids: Vec<u32>,
        /// (ids, width), and what an earlier step had more.
        rows: Buffer,
        /// Values of a row.
        width: usize,
    },
}

impl Default for Gradient {
    fn default() -> Self {
        Self::Dense { values: Buffer::default(), len: 0 }
    }
}

impl Gradient {
    /// The values: (the parameter's shape), or (tokens, width).
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Dense { values, len } => &values[..*len],
            Self::Rows { ids, rows, width } => &rows[..ids.len() * width],
        }
    }

    /// A dense gradient of `len` values, to be overwritten.
    pub fn dense(&mut self, to: usize) -> &mut [f32] {
        if let Self::Rows { .. } = self {
            *self = Self::default();
        }
        match self {
            Self::Dense { values, len } => {
                *len = to;
                values.at_least(to)
            }
            Self::Rows { .. } => unreachable!("the gradient is dense"),
        }
    }

    /// Makes it a gradient of rows: that of `ids` is `rows` (ids, `width`).
    pub fn set_rows(&mut self, ids: &[u32], width: usize, rows: &[f32]) {
        self.rows(ids, width).copy_from_slice(rows);
    }

    /// Makes it a gradient of rows for `ids`, (ids, `width`), to be overwritten.
    pub fn rows(&mut self, ids: &[u32], width: usize) -> &mut [f32] {
        if let Self::Dense { .. } = self {
            *self = Self::Rows { ids: Vec::new(), rows: Buffer::default(), width };
        }
        match self {
            Self::Rows { ids: own, rows, width: known } => {
                own.clear();
                own.extend_from_slice(ids);
                *known = width;
                rows.at_least(ids.len() * width)
            }
            Self::Dense { .. } => unreachable!("the gradient is sparse"),
        }
    }

    /// Adds rows after those that are there.
    fn append_rows(&mut self, more: &[u32], from: &[f32]) {
        if let Self::Rows { ids, rows, width } = self {
            let used = ids.len() * *width;
            ids.extend_from_slice(more);
            rows.at_least(used + from.len())[used..].copy_from_slice(from);
        }
    }

    /// Adds another gradient of the same parameter. Rows are appended; if one of the two is dense,
    /// as when a projection shares its vectors with an embedding, so is the sum.
    pub fn add(&mut self, cpu: &Cpu, other: &Self) {
        match (&mut *self, other) {
            (Self::Dense { values, len }, Self::Dense { .. }) => {
                elementwise::add_assign(cpu, &mut values[..*len], other.values());
            }
            (Self::Rows { .. }, Self::Rows { ids, .. }) => self.append_rows(ids, other.values()),
            (Self::Dense { values, .. }, Self::Rows { ids, rows, width }) => {
                for (&id, row) in ids.iter().zip(rows.chunks(*width)) {
                    let to = &mut values[id as usize * width..][..*width];
                    to.iter_mut().zip(row).for_each(|(to, value)| *to += value);
                }
            }
            (Self::Rows { .. }, Self::Dense { .. }) => {
                let rows = std::mem::take(self);
                self.copy_from(other);
                self.add(cpu, &rows);
            }
        }
    }

    /// A value for each of `len` of the parameter's: rows are added up.
    #[cfg(test)]
    pub(crate) fn in_a_table(&self, len: usize) -> Vec<f32> {
        let mut table = Self::default();
        table.dense(len).fill(0.0);
        table.add(&Cpu::in_order(), self);
        table.values().to_vec()
    }

    /// Takes over the values of another gradient.
    pub fn copy_from(&mut self, other: &Self) {
        match other {
            Self::Dense { len, .. } => self.dense(*len).copy_from_slice(other.values()),
            Self::Rows { ids, width, .. } => self.set_rows(ids, *width, other.values()),
        }
    }

    /// The sum of the squares of all values. A word that occurs twice enters twice, as the values
    /// of TensorFlow's `IndexedSlices` do in `tf.global_norm`. Not finite where a value is not.
    pub fn sum_of_squares(&self, cpu: &Cpu) -> f64 {
        norm::sum_of_squares(cpu, self.values())
    }
}
