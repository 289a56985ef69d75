//! Images in another size, bit for bit as TensorFlow's `resize_bilinear` and
//! `resize_nearest_neighbor` make them. There is no filter: a large image that becomes small keeps
//! the points that are hit.

use anyhow::{Context, Result, ensure};

/// Where the points of the new image are in the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// `i · old / new`: the upper left corners of both coincide. This is TensorFlow 1's default.
    #[default]
    Corner,
    /// `i · (old − 1) / (new − 1)`: all corners do (`align_corners`).
    Corners,
    /// `(i + ½) · old / new − ½`: points are the middles of squares (`half_pixel_centers`).
    Centres,
}

/// The sizes of a change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    batch: usize,
    channels: usize,
    /// Rows and columns.
    from: [usize; 2],
    to: [usize; 2],
    alignment: Alignment,
}

impl Resize {
    /// From images (batch, height, width, channels) to a height and a width.
    ///
    /// # Errors
    /// A size is zero, or the images do not fit into the address space.
    pub fn new(images: [usize; 4], to: [usize; 2], alignment: Alignment) -> Result<Self> {
        let [batch, height, width, channels] = images;
        let values = |height: usize, width: usize| {
            let sizes = [batch, height, width, channels, size_of::<f32>()];
            let product = sizes.iter().try_fold(1_usize, |product, &of| product.checked_mul(of));
            ensure!(
                sizes.iter().all(|&of| of > 0),
                "images of shape {:?} have a side of zero and cannot be resized",
                &sizes[..4]
            );
            product.filter(|&bytes| bytes <= isize::MAX as usize).with_context(|| {
                format!("images of shape {:?} do not fit into memory", &sizes[..4])
            })
        };
        values(height, width)?;
        values(to[0], to[1])?;
        Ok(Self { batch, channels, from: [height, width], to, alignment })
    }

    /// Values of the input.
    pub fn inputs(&self) -> usize {
        self.batch * self.from[0] * self.from[1] * self.channels
    }

    /// Values of the output (batch, height, width, channels).
    pub fn outputs(&self) -> usize {
        self.batch * self.to[0] * self.to[1] * self.channels
    }

    /// Old points for one new: the rows' or the columns'.
    fn scale(&self, axis: usize) -> f32 {
        let (from, to) = (self.from[axis], self.to[axis]);
        match self.alignment {
            Alignment::Corners if to > 1 => (from - 1) as f32 / (to - 1) as f32,
            _ => from as f32 / to as f32,
        }
    }
}

/// A point between two old ones.
#[derive(Clone, Copy)]
struct Between {
    low: usize,
    high: usize,
    /// How far it is on the way from `low` to `high`.
    part: f32,
}

/// `resize_bilinear`: images of any numbers, which bytes are too, become `resized`. Each value is
/// a mean of the four next to its point; positions and means are computed in `f32`, columns first.
/// Where the size stays, so does every value.
///
/// It runs on the caller's thread, and needs a few rows of memory.
///
/// # Panics
/// When the images or `resized` have another size.
pub fn resize_bilinear<T: Copy + Into<f32>>(resize: Resize, images: &[T], resized: &mut [f32]) {
    assert_eq!(images.len(), resize.inputs(), "the images have the wrong size");
    assert_eq!(resized.len(), resize.outputs(), "the resized images have the wrong size");
    if resize.from == resize.to {
        resized.iter_mut().zip(images).for_each(|(to, &from)| *to = from.into());
        return;
    }
    let rows = points(resize, 0);
    let columns = points(resize, 1);
    let [height, width] = resize.from;
    let length = resize.to[1] * resize.channels;
    let images = images.chunks_exact(height * width * resize.channels);
    for (image, to) in images.zip(resized.chunks_exact_mut(resize.to[0] * length)) {
        let kept = [vec![0.0; length], vec![0.0; length]];
        let mut stretched =
            Rows { image, columns: &columns, resize, rows: kept, numbers: [None; 2] };
        for (row, to) in rows.iter().zip(to.chunks_exact_mut(length)) {
            let [top, bottom] = stretched.around(row);
            for ((to, &top), &bottom) in to.iter_mut().zip(top).zip(bottom) {
                *to = top + (bottom - top) * row.part;
            }
        }
    }
}

/// `resize_nearest_neighbor`: each value is that of the old point next to its own, or above and to
/// the left of it, as the alignment has it.
///
/// # Panics
/// When the images or `resized` have another size.
pub fn resize_nearest_neighbor<T: Clone>(resize: Resize, images: &[T], resized: &mut [T]) {
    assert_eq!(images.len(), resize.inputs(), "the images have the wrong size");
    assert_eq!(resized.len(), resize.outputs(), "the resized images have the wrong size");
    let (rows, columns) = (nearest(resize, 0), nearest(resize, 1));
    let ([height, width], channels) = (resize.from, resize.channels);
    let images = images.chunks_exact(height * width * channels);
    let length = resize.to[1] * channels;
    for (image, to) in images.zip(resized.chunks_exact_mut(resize.to[0] * length)) {
        for (&row, to) in rows.iter().zip(to.chunks_exact_mut(length)) {
            let row = &image[row * width * channels..][..width * channels];
            for (&column, to) in columns.iter().zip(to.chunks_exact_mut(channels)) {
                to.clone_from_slice(&row[column * channels..][..channels]);
            }
        }
    }
}

/// The new points of an axis.
fn points(resize: Resize, axis: usize) -> Vec<Between> {
    let (scale, last) = (resize.scale(axis), resize.from[axis] - 1);
    let point = |i: usize| {
        let at = match resize.alignment {
            Alignment::Centres => (i as f32 + 0.5) * scale - 0.5,
            _ => i as f32 * scale,
        };
        let floor = at.floor();
        // Before the first point and after the last, both are the same.
        let (low, high) = (floor.max(0.0) as usize, at.ceil().max(0.0) as usize);
        Between { low: low.min(last), high: high.min(last), part: at - floor }
    };
    (0..resize.to[axis]).map(point).collect()
}

fn nearest(resize: Resize, axis: usize) -> Vec<usize> {
    let (scale, last) = (resize.scale(axis), resize.from[axis] - 1);
    let point = |i: usize| {
        let at = match resize.alignment {
            Alignment::Corner => (i as f32 * scale).floor(),
            Alignment::Corners => (i as f32 * scale).round(),
            Alignment::Centres => ((i as f32 + 0.5) * scale).floor(),
        };
        (at as usize).min(last)
    };
    (0..resize.to[axis]).map(point).collect()
}

/// The rows of an image in the new width. Two are kept, since the next point mostly needs one of
/// them again.
struct Rows<'a, T> {
    image: &'a [T],
    columns: &'a [Between],
    resize: Resize,
    rows: [Vec<f32>; 2],
    /// Which rows they are.
    numbers: [Option<usize>; 2],
}

impl<T: Copy + Into<f32>> Rows<'_, T> {
    /// The rows above and below a point.
    fn around(&mut self, point: &Between) -> [&[f32]; 2] {
        if self.numbers[0] != Some(point.low) {
            self.rows.swap(0, 1);
            self.numbers.swap(0, 1);
        }
        self.keep(0, point.low);
        let bottom = usize::from(point.high != point.low);
        self.keep(bottom, point.high);
        [&self.rows[0], &self.rows[bottom]]
    }

    /// Makes sure that a row is kept at a place.
    fn keep(&mut self, place: usize, number: usize) {
        if self.numbers[place] == Some(number) {
            return;
        }
        let (length, channels) = (self.resize.from[1] * self.resize.channels, self.resize.channels);
        let (row, to) = (&self.image[number * length..][..length], &mut self.rows[place]);
        match channels {
            1 => stretch::<T, 1>(row, self.columns, to),
            3 => stretch::<T, 3>(row, self.columns, to),
            _ => {
                for (to, of) in to.chunks_exact_mut(channels).zip(self.columns) {
                    let [left, right] =
                        [of.low, of.high].map(|at| &row[at * channels..][..channels]);
                    for ((to, &left), &right) in to.iter_mut().zip(left).zip(right) {
                        *to = between(left, right, of.part);
                    }
                }
            }
        }
        self.numbers[place] = Some(number);
    }
}

/// A row with this many channels in the new width.
fn stretch<T: Copy + Into<f32>, const CHANNELS: usize>(
    row: &[T],
    columns: &[Between],
    to: &mut [f32],
) {
    let row = row.as_chunks::<CHANNELS>().0;
    for (to, of) in to.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(columns) {
        let (left, right) = (row[of.low], row[of.high]);
        *to = std::array::from_fn(|channel| between(left[channel], right[channel], of.part));
    }
}

#[inline(always)]
fn between<T: Into<f32>>(left: T, right: T, part: f32) -> f32 {
    let left = left.into();
    left + (right.into() - left) * part
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    const ALIGNMENTS: [Alignment; 3] = [Alignment::Corner, Alignment::Corners, Alignment::Centres];

    /// Bytes without an order.
    fn numbers(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 7919 % 251) as u8).collect()
    }

    fn bilinear<T: Copy + Into<f32>>(resize: Resize, images: &[T]) -> Vec<f32> {
        let mut resized = vec![f32::NAN; resize.outputs()];
        resize_bilinear(resize, images, &mut resized);
        resized
    }

    fn nearest_neighbor<T: Copy + Default>(resize: Resize, images: &[T]) -> Vec<T> {
        let mut resized = vec![T::default(); resize.outputs()];
        resize_nearest_neighbor(resize, images, &mut resized);
        resized
    }

    /// TensorFlow 2.15.1:
    /// ```python
    /// x = (np.arange(6) * 7919 % 251).astype("u1").reshape(1, 2, 3, 1)
    /// for op in tf.raw_ops.ResizeBilinear, tf.raw_ops.ResizeNearestNeighbor:
    ///     for align, half in (False, False), (True, False), (False, True):
    ///         y = op(images=x, size=[3, 4], align_corners=align, half_pixel_centers=half)
    ///         print(*y.numpy().ravel())
    /// ```
    #[test]
    fn a_small_image_has_the_numbers_of_tensorflow() {
        let expected = [
            [
                0.0, 103.5, 81.5, 25.0, 108.66667, 86.666664, 106.5, 133.66667, 163.0, 78.25,
                119.0, 188.0,
            ],
            [
                0.0, 92.0, 100.33333, 25.0, 81.5, 89.83333, 98.166664, 106.5, 163.0, 87.666664,
                96.0, 188.0,
            ],
            [0.0, 86.25, 95.625, 25.0, 81.5, 89.3125, 98.6875, 106.5, 163.0, 92.375, 101.75, 188.0],
        ];
        let nearest = [
            [0, 0, 138, 25, 0, 0, 138, 25, 163, 163, 50, 188],
            [0, 138, 138, 25, 163, 50, 50, 188, 163, 50, 50, 188],
            [0, 138, 138, 25, 163, 50, 50, 188, 163, 50, 50, 188],
        ];
        for (at, alignment) in ALIGNMENTS.into_iter().enumerate() {
            let resize = Resize::new([1, 2, 3, 1], [3, 4], alignment).unwrap();
            assert_eq!(bilinear(resize, &numbers(6)), expected[at], "{alignment:?}");
            assert_eq!(nearest_neighbor(resize, &numbers(6)), nearest[at], "{alignment:?}");
        }
    }

    /// MD5 of the bytes of bilinear bytes, bilinear numbers and nearest bytes, by TensorFlow as
    /// above; the numbers are `x / np.float32(7)`.
    #[test]
    fn larger_images_have_the_bits_of_tensorflow() {
        let expected = [
            [
                "a0953cc7cdae310c05b0d0924a449316 b9d2946040375d9361268f407c203ab8 530c10697beae90584740f3cbdc13ff2",
                "5d48cf7fe77094b9d2a0fa28923de871 32d9e1071abed8830b7f710dd4eb8c0c e90c7559c33ab1292b399f1035a4d3d1",
                "e77648ff7f55b5f09527690d8459a7fb b9924331f0724f6b6b436e5988f461ce 6774d4b4dd123fc6cefe06eb938db5e9",
            ],
            [
                "1d4b5c3aa8adf6cb036e176378f13a2b 8148a2e62da8b817595eae673c7efc23 32763f290675b3d3c5d5d9676e56cc54",
                "7490422376dcbbb80e0690bb36e52ae9 9e73039827931bd5d7e9897fb5c43588 a39b4f59707e082965ce78675d488a65",
                "a62816bcc8d2606c23c688e7c6acc3a7 13247c490e12feb1092520551450036b 6e3ce4c3857cb3e575f6bbceb76ef1ec",
            ],
            [
                "7724f4b8d86cad7ad18e3d14ce681539 5e441015011f650404711e6a1add957d 8c4ac4b31f6bee56cedb0bb913ec0cce",
                "38106231d02087a601a85bf32ddaf264 bcb4b1745c1c445c7b7e48f515b77257 39914adcb29e1511624eaba38e086594",
                "a7a42a39aebc108e3c2d34ba5e43341a 5e794e7def7b46c82af1bf4121ec8502 d45a18dd71228937d19363afc13ce6f6",
            ],
        ];
        let sizes = [([2, 7, 5, 3], [11, 9]), ([1, 40, 33, 3], [19, 17]), ([1, 6, 10, 5], [3, 23])];
        let md5 = |bytes: &[u8]| -> String {
            Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        for ((images, to), expected) in sizes.into_iter().zip(expected) {
            for (alignment, expected) in ALIGNMENTS.into_iter().zip(expected) {
                let resize = Resize::new(images, to, alignment).unwrap();
                let bytes = numbers(resize.inputs());
                let floats: Vec<f32> = bytes.iter().map(|&of| f32::from(of) / 7.0).collect();
                let made = [
                    md5(bytemuck::cast_slice(&bilinear(resize, &bytes))),
                    md5(bytemuck::cast_slice(&bilinear(resize, &floats))),
                    md5(&nearest_neighbor(resize, &bytes)),
                ];
                assert_eq!(made.join(" "), expected, "{images:?} {to:?} {alignment:?}");
            }
        }
    }

    #[test]
    fn what_keeps_its_size_keeps_its_values_and_others_mix_what_is_not_finite() {
        let bits = |of: &[f32]| -> Vec<u32> { of.iter().map(|of| of.to_bits()).collect() };
        let images = [1.0, f32::INFINITY, -2.5, f32::NAN, 3.0, 4.0];
        for alignment in ALIGNMENTS {
            let resize = Resize::new([1, 2, 3, 1], [2, 3], alignment).unwrap();
            let same = bilinear(resize, &images);
            assert_eq!(bits(&same), bits(&images));
            assert_eq!(bits(&nearest_neighbor(resize, &images)), bits(&images));
            let resize = Resize::new([1, 2, 3, 1], [4, 6], alignment).unwrap();
            assert!(bilinear(resize, &images).iter().any(|of| of.is_nan()));
        }
    }

    #[test]
    fn sizes_without_values_and_beyond_memory_are_errors() {
        let error =
            |images, to| Resize::new(images, to, Alignment::Corner).unwrap_err().to_string();
        let zero = error([1, 0, 3, 3], [2, 2]);
        assert_eq!(zero, "images of shape [1, 0, 3, 3] have a side of zero and cannot be resized");
        let zero = error([1, 2, 3, 3], [2, 0]);
        assert_eq!(zero, "images of shape [1, 2, 0, 3] have a side of zero and cannot be resized");
        let large = error([1, 2, 3, 3], [usize::MAX / 8, 4]);
        assert!(large.ends_with("do not fit into memory"), "{large}");
    }
}
